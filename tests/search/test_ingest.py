"""Looking up, encoding and writing at the same time; what comes of it is in ``test_index``."""

import threading

import pytest

from opkit.search.collection import Collection
from opkit.search.errors import StoreFull
from tests.search.conftest import contents, write_pictures


@pytest.fixture
def small_steps(monkeypatch):
    """Every few pictures a look-up, a write and a segment."""
    monkeypatch.setattr("opkit.search.ingest._CHUNK", 4)
    monkeypatch.setattr("opkit.search.ingest._ROWS", 4)
    monkeypatch.setattr("opkit.search.collection._LITE_SETTLE_ROWS", 8)


def test_pictures_are_encoded_while_others_are_written(index, operator, tmp_path, monkeypatch):
    monkeypatch.setattr("opkit.search.ingest._ROWS", 64)
    monkeypatch.setattr("opkit.search.ingest._WRITE_INTERVAL_S", 1000)
    write = Collection.upsert

    def write_late(collection, rows):
        while sum(operator.batches) < 120:  # the 64 that are written, and more than may wait for their results
            assert operator.entered.acquire(timeout=30)
        write(collection, rows)

    monkeypatch.setattr(Collection, "upsert", write_late)
    write_pictures(tmp_path / "photos", 200)
    assert index.add([tmp_path / "photos"]).new == 200


def test_a_copy_that_comes_while_its_content_is_written_keeps_its_name(index, tmp_path, small_steps):
    photos = write_pictures(tmp_path / "photos", 40)
    for path in photos:
        path.with_stem(f"{path.stem} copy").write_bytes(path.read_bytes())
    added = index.add([tmp_path / "photos"])
    assert (added.new, added.known, added.named) == (40, 40, 40)
    names = [names for names, _ in contents(index.collection).values()]
    assert sorted(names) == sorted((str(path.with_stem(f"{path.stem} copy")), str(path)) for path in photos)


def test_a_write_that_fails_ends_the_run_and_the_next_one_goes_on(index, tmp_path, small_steps, monkeypatch):
    write_pictures(tmp_path / "photos", 40)
    write = Collection.upsert

    def write_once(collection, rows):
        if collection.count():
            raise StoreFull("no space is left on the disk")
        write(collection, rows)

    monkeypatch.setattr(Collection, "upsert", write_once)
    with pytest.raises(StoreFull, match="no space is left"):
        index.add([tmp_path / "photos"])
    monkeypatch.setattr(Collection, "upsert", write)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("opkit-read", "opkit-look"))]
    there = index.count()
    assert 0 < there < 40
    added = index.add([tmp_path / "photos"])
    assert (added.new, added.known, index.count()) == (40 - there, there, 40)
