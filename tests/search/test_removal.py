import os
from dataclasses import replace

import pytest

from tests.conftest import picture_file
from tests.search.conftest import colour_of, contents, write_pictures
from tests.toys import ToyOperator
from visop.encoding.local import LocalEncoder
from visop.encoding.pool import Encoders
from visop.errors import UsageError
from visop.search.errors import NoSuchIndex, WrongFilter
from visop.search.index import Index
from visop.search.removal import Loss, take_out
from visop.search.schema import Row
from visop.serving.pipeline import Pipeline
from visop.settings import Settings


def names_of(index):
    return sorted(name for page in index.collection.pictures() for picture in page for name in picture.names)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """An index for all tests of this module: to make one costs more than most of them do."""
    home = tmp_path_factory.mktemp("removal")
    operator = ToyOperator()
    settings = replace(Settings(), cache_dir=home / "cache", fetch_allow=("127.0.0.1",))
    with Pipeline(operator, settings) as pipeline:
        encoders = Encoders(operator.info(), 100_000, {"toy": LocalEncoder(operator.info(), pipeline)})
        with Index.open(str(home / "test.db"), "test", settings=settings, encoders=encoders) as index:
            with pytest.raises(NoSuchIndex, match="`visop index` makes one"):
                index.remove(filter="width > 0")
            index.add([])
            yield index, operator


@pytest.fixture
def operator(shared):
    return shared[1]


@pytest.fixture
def index(shared):
    """Empty."""
    shared[0].remove(filter="id != ''")
    return shared[0]


@pytest.fixture
def full(index, folder):
    """Ten pictures, two more in a folder below, and a second name of the first."""
    write_pictures(folder / "trip", 2, first=20)
    (folder / "copy.png").write_bytes((folder / "0.png").read_bytes())
    index.add([folder])
    return index


def test_one_picture_goes_by_its_name_and_its_file_stays(full, folder):
    removed = full.remove(names=folder / "3.png")
    assert [picture.names for picture in removed.pictures] == [(str(folder / "3.png"),)]
    assert (removed.names, removed.missing) == ([], [])
    assert (full.count(), (folder / "3.png").exists()) == (11, True)
    assert str(folder / "3.png") not in names_of(full)


def test_a_content_with_another_name_loses_only_the_one_that_is_meant(full, folder):
    before = contents(full.collection)
    removed = full.remove(names=[str(folder / "0.png")])
    assert (removed.pictures, removed.names, full.count()) == ([], [str(folder / "0.png")], 12)
    after = contents(full.collection)
    (id_,) = [id_ for id_ in before if before[id_] != after[id_]]
    assert after[id_] == ((str(folder / "copy.png"),), before[id_][1])
    removed = full.remove(names=[str(folder / "copy.png")])
    assert (len(removed.pictures), removed.names, full.count()) == (1, [], 11)


def test_a_folder_is_everything_below_it_and_nothing_beside_it(full, folder, tmp_path):
    write_pictures(tmp_path / "photos2", 1, first=30)
    full.add([tmp_path / "photos2"])
    assert len(full.remove(folders=folder / "trip").pictures) == 2
    assert full.count() == 11
    assert len(full.remove(folders=[f"{folder}/"]).pictures) == 10
    assert names_of(full) == [str(tmp_path / "photos2" / "30.png")]


def test_what_is_gone_from_the_disk_can_be_removed(full, folder):
    (folder / "1.png").unlink()
    for path in (folder / "trip").iterdir():
        path.unlink()
    (folder / "trip").rmdir()
    assert len(full.remove(names=folder / "1.png", folders=folder / "trip").pictures) == 3


def test_names_are_understood_as_a_shell_gives_them(full, folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder.parent))
    given = ["1.png", "./trip/../2.png", "~/photos/3.png", (folder / "4.png").as_uri()]
    removed = full.remove(names=given)
    assert (len(removed.pictures), removed.missing) == (4, [])


def test_addresses_go_by_name_and_by_what_they_begin_with(index, picture_server):
    urls = [f"{picture_server}/{number}-50-50.png" for number in (10, 20, 30)]
    index.add(urls)
    assert len(index.remove(names=urls[0]).pictures) == 1
    assert index.remove(folders=picture_server + "/1").missing == [picture_server + "/1"]
    assert len(index.remove(folders=picture_server).pictures) == 2


@pytest.mark.parametrize("way", ["printed", "path", "folder", "folder as printed"])
def test_a_name_that_is_no_text_goes_as_it_is_printed_and_as_it_is(index, tmp_path, way):
    place = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(place)
    with open(place + b"/\xe9.png", "wb") as file:
        file.write(picture_file(colour_of(1)))
    index.add([os.fsdecode(place)])
    (printed,) = names_of(index)
    assert printed.startswith("file:///")
    given = {
        "printed": {"names": printed},
        "path": {"names": os.fsdecode(place) + "/\udce9.png"},
        "folder": {"folders": os.fsdecode(place)},
        "folder as printed": {"folders": printed.rpartition("/")[0]},
    }
    assert len(index.remove(**given[way]).pictures) == 1


def test_by_id_and_by_filter_a_content_goes_with_all_its_names(full, folder):
    (double,) = [picture for page in full.collection.pictures() for picture in page if len(picture.names) == 2]
    assert full.remove(ids=[double.id]).pictures == [double]
    (folder / "wide.png").write_bytes(picture_file((200, 10, 10), (300, 20)))
    full.add([folder / "wide.png"])
    assert [picture.width for picture in full.remove(filter="width >= 300").pictures] == [300]
    assert len(full.remove(filter="id != ''").pictures) == 11
    assert full.count() == 0


def test_what_is_not_there_is_told_as_it_was_given_and_the_rest_goes(full, folder):
    removed = full.remove(names=["no.png", folder / "1.png"], folders=["/no/such"], ids=["0" * 64, "x"])
    assert (len(removed.pictures), list(removed.missing)) == (1, ["no.png", "/no/such", "0" * 64, "x"])


def test_a_dry_run_says_the_same_and_changes_nothing(full, folder):
    before = contents(full.collection)
    would = full.remove(folders=folder, dry_run=True)
    assert contents(full.collection) == before
    assert full.remove(folders=folder) == would
    assert len(would.pictures) == 12


def test_what_was_removed_is_in_the_index_again_once_it_is_added_again(full, folder, operator):
    before = contents(full.collection)
    full.remove(folders=folder)
    operator.batches.clear()
    assert full.add([folder]).new == 12
    assert contents(full.collection) == before


@pytest.mark.parametrize("nothing", [{}, {"names": []}, {"filter": "  "}], ids=str)
def test_nothing_meant_is_refused(full, nothing):
    with pytest.raises(UsageError, match="nothing is named that should be removed"):
        full.remove(**nothing)


@pytest.mark.parametrize("field", ["names", "folders"])
def test_an_empty_name_does_not_mean_the_working_folder(full, field):
    with pytest.raises(UsageError, match=f"^{field}: an empty name is none"):
        full.remove(**{field: [""]})
    assert full.count() == 12


def test_a_filter_that_is_none_removes_nothing(full):
    with pytest.raises(WrongFilter, match=r"^filter widht > 3: "):
        full.remove(filter="widht > 3")
    assert full.count() == 12


def test_a_name_that_came_since_keeps_its_content(full, folder):
    (picture,) = full.remove(names=folder / "5.png", dry_run=True).pictures
    (row,) = full.collection.rows([picture.id])
    full.collection.upsert([Row(replace(picture, names=(*picture.names, "/new.png")), row.vector)])
    assert take_out(full.collection, [Loss(picture, frozenset(picture.names))]) == 0
    assert full.get(picture.id).names == ("/new.png",)


@pytest.mark.slow
def test_more_than_fit_into_one_step_all_go(index, tmp_path):
    write_pictures(tmp_path / "many", 300)
    index.add([tmp_path / "many"])
    assert len(index.remove(folders=tmp_path / "many").pictures) == 300
    assert index.count() == 0
