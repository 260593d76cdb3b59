"""Looking up, encoding and writing at the same time; what comes of it is in ``test_index``."""

import hashlib
import threading

import pytest

from tests.conftest import picture_file
from tests.search.conftest import SERVER, contents, write_pictures
from visop.search.digests import URL_STATE, Digests
from visop.search.embedded.collection import EmbeddedCollection
from visop.search.errors import StoreFull
from visop.search.failures import Failures
from visop.search.limits import BatchLimits
from visop.search.milvus.collection import MilvusCollection


@pytest.fixture
def small_steps(open_index):
    """An index that has a look-up, a write and a segment every few pictures."""
    with open_index(limits=BatchLimits(look_up=4, write=4, settle=8)) as index:
        yield index


def test_pictures_are_encoded_while_others_are_written(open_index, operator, tmp_path, monkeypatch):
    kind = MilvusCollection if SERVER else EmbeddedCollection
    write = kind.upsert

    def write_late(collection, rows):
        while sum(operator.batches) < 120:  # the 64 that are written, and more than may wait for their results
            assert operator.entered.acquire(timeout=30)
        write(collection, rows)

    monkeypatch.setattr(kind, "upsert", write_late)
    write_pictures(tmp_path / "photos", 200)
    with open_index(limits=BatchLimits(write=64, write_interval_s=1000)) as index:
        assert index.add([tmp_path / "photos"]).new == 200


def test_a_copy_that_comes_while_its_content_is_written_keeps_its_name(tmp_path, small_steps):
    index = small_steps
    photos = write_pictures(tmp_path / "photos", 40)
    for path in photos:
        path.with_stem(f"{path.stem} copy").write_bytes(path.read_bytes())
    added = index.add([tmp_path / "photos"])
    assert (added.new, added.known, added.named) == (40, 40, 40)
    names = [names for names, _ in contents(index.collection).values()]
    assert sorted(names) == sorted((str(path.with_stem(f"{path.stem} copy")), str(path)) for path in photos)


@pytest.fixture
def remember(settings):
    """Let the memory of what addresses show have an earlier picture, of this colour, for some."""

    def put(colour, *urls):
        with Digests(settings.cache_dir / "digests.sqlite") as digests:
            for url in urls:
                digests.put(url, URL_STATE, hashlib.sha256(picture_file(colour)).hexdigest())

    return put


def names_by_content(index):
    return {id_: names for id_, (names, _) in contents(index.collection).items()}


def test_a_copy_takes_the_place_of_an_address_that_shows_something_else(index, picture_server, remember):
    changed, copy, another = (f"{picture_server}/{name}.png" for name in ("9-9-9", "7-8-9", "07-8-9"))
    remember((7, 8, 9), changed, copy, another)
    done = []
    added = index.add([changed, copy, another], on_done=lambda: done.append(1))
    assert (added.new, added.known, added.named, added.failed, len(done)) == (2, 1, 1, 0, 3)
    assert sorted(names_by_content(index).values()) == sorted([(another, copy), (changed,)])


def test_an_address_that_is_gone_fails_alone_and_its_copy_takes_its_place(index, picture_server, remember, tmp_path):
    gone, also_gone, copy = (f"{picture_server}/{name}" for name in ("gone", "also-gone", "7-8-9.png"))
    remember((7, 8, 9), gone, also_gone, copy)
    done = []
    with Failures(tmp_path / "errors.csv") as failures:
        added = index.add([gone, also_gone, copy], failures=failures, on_done=lambda: done.append(1))
    assert (added.new, added.known, added.named, added.failed, len(done)) == (1, 0, 0, 2, 3)
    assert list(names_by_content(index).values()) == [(copy,)]
    rows = (tmp_path / "errors.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == [gone, also_gone]


def test_a_file_that_is_given_twice_has_one_name(index, folder):
    picture = folder / "1.png"
    for new in (1, 0):
        added = index.add([picture, picture, folder / ".." / folder.name / "1.png"])
        assert (added.new, added.known, added.named) == (new, 3 - new, 0)
    assert list(names_by_content(index).values()) == [(str(picture),)]


def test_a_bad_file_that_is_given_twice_fails_once(index, tmp_path):
    write_pictures(tmp_path / "photos", 1)
    (tmp_path / "bad.png").write_bytes(b"bad")
    added = index.add([tmp_path / "photos", tmp_path / "bad.png", tmp_path / "bad.png"])
    assert (added.new, added.known, added.named, added.failed) == (1, 1, 0, 1)


def test_a_write_that_fails_ends_the_run_and_the_next_one_goes_on(tmp_path, small_steps, monkeypatch):
    index = small_steps
    write_pictures(tmp_path / "photos", 40)
    index.add([tmp_path / "photos" / "0.png"])
    kind = MilvusCollection if SERVER else EmbeddedCollection
    write = kind.upsert

    def write_once(collection, rows):
        if collection.count() > 1:
            raise StoreFull("no space is left on the disk")
        write(collection, rows)

    monkeypatch.setattr(kind, "upsert", write_once)
    with pytest.raises(StoreFull, match="no space is left"):
        index.add([tmp_path / "photos"])
    monkeypatch.setattr(kind, "upsert", write)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("visop-read", "visop-look"))]
    there = index.count()
    assert 0 < there < 40
    added = index.add([tmp_path / "photos"])
    assert (added.new, added.known, index.count()) == (40 - there, there, 40)
