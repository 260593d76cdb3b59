import os
import shutil

import pytest

from tests.conftest import picture_file
from tests.search.conftest import colour_of, write_pictures
from visop.search.recheck import _MOST_ASKED, _expression, recheck


@pytest.fixture
def full(index, folder):
    write_pictures(folder / "trip", 2, first=20)
    index.add([folder])
    return index


def names_of(index):
    found = (name for page in index.collection.pictures() for picture in page for name in picture.names)
    return sorted(found)


def follow(index, *paths):
    """As the server does it: add what is there, then look at what may be gone."""
    there = [path for path in paths if os.path.isfile(path)]
    if there:
        index.add(there)
    return recheck(index.collection, [str(path) for path in paths])


def test_one_index_through_all_that_happens_to_files(full, folder, operator):
    operator.batches.clear()
    os.rename(folder / "0.png", folder / "zero.png")
    done = follow(full, folder / "0.png", folder / "zero.png")
    assert (done.removed, done.held_back, operator.batches) == (0, [], [])
    assert str(folder / "0.png") not in names_of(full)
    assert str(folder / "zero.png") in names_of(full)

    (folder / "1.png").unlink()
    assert follow(full, folder / "1.png").removed == 1
    assert full.count() == 11

    before = (folder / "2.png").stat()
    (folder / "2.png").write_bytes(picture_file(colour_of(70)))  # of the same size, and at the same time
    os.utime(folder / "2.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (folder / "2.png").stat().st_size == before.st_size
    (folder / "3.png").write_bytes(b"no picture")
    assert recheck(full.collection, [str(folder / "2.png"), str(folder / "3.png")]).removed == 2

    os.rename(folder / "trip", folder / "journey")
    full.add([folder / "journey"])
    assert follow(full, folder / "trip", folder / "journey").removed == 0
    assert [name for name in names_of(full) if "trip" in name] == []
    assert len([name for name in names_of(full) if "journey" in name]) == 2


@pytest.mark.parametrize("how", ["deleted", pytest.param("empty", marks=pytest.mark.slow)])
def test_a_folder_that_is_gone_or_empty_keeps_its_pictures(full, folder, how):
    shutil.rmtree(folder / "trip")
    if how == "empty":
        (folder / "trip").mkdir()
    done = follow(full, folder / "trip", folder / "trip" / "20.png", folder / "trip" / "21.png")
    assert (done.removed, done.held_back) == (0, [str(folder / "trip")])
    assert full.count() == 12


def test_any_name_is_found(index, folder):
    each = [['pla"in.png'], ["back\\slash.png", "it's.png"], ["100%_.png"], ["a\nb.png"], ["caf\udce9.png"]]
    for names in each:
        paths = [folder / name for name in names]
        for number, path in enumerate(paths, 50):
            path.write_bytes(picture_file(colour_of(number)))
        index.add([folder])
        for path in paths:
            path.unlink()
        assert follow(index, *paths).removed == len(names), names
    assert index.count() == 10


@pytest.mark.slow
def test_many_changes_at_once_are_found_by_going_through_all(index, tmp_path):
    paths = write_pictures(tmp_path / "many", 2 * _MOST_ASKED)
    index.add([tmp_path / "many"])
    assert _expression([str(path) for path in paths]) == ""
    for path in paths[1:]:
        path.unlink()
    assert follow(index, *paths).removed == len(paths) - 1
