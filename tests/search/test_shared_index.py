"""An index that several processes have open: each finds at once what another did. Here, they are one process."""

import itertools
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.search.conftest import SERVER, contents, write_pictures
from tests.search.test_reindex import Other
from visop.errors import OtherEncoder
from visop.search.digests import Digests
from visop.search.errors import NoSuchIndex
from visop.search.failures import Failures
from visop.search.limits import BatchLimits
from visop.search.reader import Reader
from visop.search.reindex import Reindex
from visop.search.store import open_store

pytestmark = pytest.mark.skipif(bool(SERVER), reason="a server tells nobody of changes")


@pytest.fixture
def first(open_index):
    with open_index() as index:
        yield index


@pytest.fixture
def second(first, open_index):
    """Opened after the first, which has the file."""
    with open_index() as index:
        yield index


@pytest.fixture
def reindex(uri, settings, make_encoders, tmp_path):
    """Make new vectors, as another process would."""

    def run(on_done=lambda: None):
        encoders = make_encoders(Other())
        with (
            open_store(uri) as store,
            Reader(settings, Digests(None), settings.max_image_bytes) as reader,
            Failures(tmp_path / "errors.csv") as failures,
        ):
            Reindex(store, "test", encoders, reader, failures).run(keep=True, on_done=on_done)
        return encoders

    return run


def test_what_one_adds_the_other_finds_at_once(first, second, folder):
    assert first.operator is None
    for path in sorted(folder.iterdir()):
        second.add([path])
        assert first.search(path, 1)[0].picture.names == (str(path),)
    assert first.count() == second.count() == 10


def test_what_one_removes_the_other_finds_no_more(first, second, folder):
    first.add([folder])
    assert second.count() == 10
    (folder / "1.png").unlink()
    second.add([folder], prune_folders=True)
    second.remove(names=folder / "2.png")
    assert first.count() == 8
    found = [match.picture.names for match in first.search(folder / "2.png", 10)]
    assert len(found) == 8
    assert (str(folder / "2.png"),) not in found


@pytest.mark.slow
def test_an_index_type_that_one_builds_is_known_to_the_other(first, second, folder):
    first.add([folder])
    assert second.collection.index_type.kind == "FLAT"
    first.add([], index_type="IVF_SQ8:nlist=3")
    assert second.collection.index_type.params["nlist"] == "3"
    assert len(second.search(folder / "1.png", 10)) == 10


def test_an_index_that_another_made_anew_is_not_searched_with_vectors_of_the_former_encoder(
    first, folder, reindex, open_index
):
    first.add([folder])
    vector = first.encode(folder / "1.png")
    with open_index(encoders=reindex()) as second:
        assert second.search(folder / "1.png", 1)[0].picture.names == (str(folder / "1.png"),)
    attempts = [
        lambda: first.search_vector(vector),
        lambda: first.search(folder / "1.png"),
        lambda: first.add([folder]),
    ]
    for attempt in attempts:
        with pytest.raises(OtherEncoder, match="has vectors of toy-2"):
            attempt()


@pytest.mark.slow
def test_what_others_add_and_remove_during_a_reindex_comes_along(first, folder, tmp_path, reindex, open_index):
    first.add([folder])
    write_pictures(tmp_path / "more", 1, first=500)

    is_first = itertools.chain([True], itertools.repeat(False))

    def change():
        if next(is_first):
            first.add([tmp_path / "more"])
            first.remove(names=folder / "2.png")

    with open_index(encoders=reindex(on_done=change)) as second:
        names = [path for names, _ in contents(second.collection).values() for path in names]
    expected = {*folder.iterdir(), tmp_path / "more" / "500.png"} - {folder / "2.png"}
    assert sorted(names) == sorted(map(str, expected))


@pytest.mark.slow
def test_a_run_ends_when_another_process_has_made_the_index_anew(first, folder, tmp_path, reindex):
    first.add([folder])
    write_pictures(tmp_path / "more", 5, first=500)

    is_first = itertools.chain([True], itertools.repeat(False))

    def change():
        if next(is_first):
            reindex()

    with pytest.raises(NoSuchIndex, match="was made anew by a reindex"):
        first.add([tmp_path / "more"], on_done=change)


def test_two_that_add_the_same_at_once_lose_and_double_nothing(open_index, folder, uri, tmp_path):
    """Copies have the same content under other names: whoever writes later keeps what the other wrote."""
    shutil.copytree(folder, tmp_path / "copies")
    small = BatchLimits(look_up=2, write=1)
    with open_index(limits=small) as first, open_index(limits=small) as second, ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(first.add, [folder]), pool.submit(second.add, [tmp_path / "copies"])]
        assert sum(job.result().failed for job in jobs) == 0
    with open_store(uri) as store:
        names = [names for names, _ in contents(store.find("test")).values()]
    assert len(names) == 10
    both = {str(place / f"{number}.png") for place in (folder, tmp_path / "copies") for number in range(10)}
    assert {name for each in names for name in each} == both


def test_when_the_one_that_has_the_file_ends_the_other_goes_on(open_index, folder, uri):
    first = open_index()
    first.add([folder / "0.png"])
    with open_index() as second:
        first.add([folder / "1.png", folder / "2.png"])
        pages = second.collection.pictures(1)
        assert len(next(pages)) == 1
        first.close()
        assert len(list(pages)) == 2
        second.add([folder])
        with open_index() as third:
            assert third.count() == 10
            assert len(third.search(folder / "1.png", 10)) == 10
    with open_store(uri) as store:
        assert len(contents(store.find("test"))) == 10


@pytest.mark.slow
def test_a_call_under_way_goes_on_in_the_next_process(open_index, folder, tmp_path):
    write_pictures(folder, 200)
    first = open_index()
    with open_index(limits=BatchLimits(look_up=8, write=4)) as second, ThreadPoolExecutor(1) as pool:
        added = pool.submit(second.add, [folder], on_done=first.close)
        assert added.result().new == 200
        assert second.count() == 200
        assert {
            Path(name).name for _, (names, _) in enumerate(contents(second.collection).values()) for name in names
        } == {f"{number}.png" for number in range(200)}
