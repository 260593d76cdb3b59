"""An index that keeps its originals, in a folder and in the memory of fsspec: they come, are used, and go with it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from tests.search.conftest import write_pictures
from tests.toys import ToyOperator
from visop.encoding.pool import Encoders
from visop.errors import UsageError
from visop.search.digests import Digests
from visop.search.errors import OriginalsError
from visop.search.failures import Failures
from visop.search.index import Index
from visop.search.originals.folder import OriginalsFolder
from visop.search.originals.reading import read_kept
from visop.search.presence import is_gone
from visop.search.reader import Reader
from visop.search.reindex import Reindex
from visop.search.schema import Picture, joined, read_names
from visop.search.show.files import first_readable
from visop.search.store import open_store
from visop.settings import Settings
from visop.web.originals import Originals

Open = Callable[..., Index]


@pytest.fixture
def open_index(uri: str, encoders: Encoders, settings: Settings) -> Iterator[Open]:
    opened: list[Index] = []

    def make(keep: str = "", name: str = "test", at: str = uri) -> Index:
        opened.append(Index.open(at, name, encoders=encoders, settings=settings, keep_originals=keep))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture(params=["file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where originals are kept, not made yet."""
    return str(tmp_path / "kept") if request.param == "file" else f"memory://{tmp_path.name}"


def files_in(place: str) -> dict[str, bytes]:
    """What is kept, without the note of whose it is."""
    address = place if "://" in place else f"file://{place}"
    files = fsspec.filesystem(address.partition("://")[0], use_listings_cache=False)
    found = {str(path).rpartition("/")[2]: files.cat_file(path) for path in files.find(address)}
    found.pop("visop-originals.json", None)
    return found


def all_pictures(index: Index) -> list[Picture]:
    return [picture for page in index.collection.pictures() for picture in page]


def test_a_picture_has_one_copy_and_is_read_from_it_when_its_files_are_gone(open_index, place, tmp_path, settings):
    paths = write_pictures(tmp_path / "photos", 3)
    shutil.copy(paths[0], tmp_path / "photos" / "again.png")
    data = {hashlib.sha256(path.read_bytes()).hexdigest(): path.read_bytes() for path in paths}
    added = open_index(place).add(tmp_path / "photos")
    assert (added.new, added.failed) == (3, 0)
    assert added.originals.endswith("/test")
    assert files_in(place) == data
    shutil.rmtree(tmp_path / "photos")
    index = open_index()
    for picture in all_pictures(index):
        assert all(name.startswith(str(tmp_path / "photos")) for name in picture.names)
        assert not is_gone(picture)
        assert read_kept(picture, settings.max_image_bytes) == data[picture.id]
        assert first_readable(picture, settings, lambda file, _: file, b"") == data[picture.id]
        with Originals(settings) as originals, originals.open(picture) as file:
            assert file.read() == data[picture.id]


def test_the_index_remembers_where_until_it_is_told_none(open_index, place, tmp_path):
    write_pictures(tmp_path / "photos", 2)
    open_index(place).add(tmp_path / "photos")
    write_pictures(tmp_path / "more", 2, first=2)
    assert open_index().add(tmp_path / "more").originals
    assert len(files_in(place)) == 4
    write_pictures(tmp_path / "last", 1, first=4)
    assert not open_index("none").add(tmp_path / "last").originals
    assert len(files_in(place)) == 4


def test_pictures_that_are_known_are_kept_from_then_on(open_index, place, tmp_path):
    write_pictures(tmp_path / "photos", 3)
    open_index().add(tmp_path / "photos")
    assert open_index(place).add(tmp_path / "photos").known == 3
    assert len(files_in(place)) == 3
    assert {bool(picture.kept) for picture in all_pictures(open_index())} == {True}


def test_a_reindex_reads_the_copies(open_index, place, tmp_path, uri, make_encoders, settings):
    write_pictures(tmp_path / "photos", 3)
    open_index(place).add(tmp_path / "photos")
    shutil.rmtree(tmp_path / "photos")
    other = ToyOperator()
    other.fingerprint = "other"
    with (
        open_store(uri) as store,
        Digests(settings.cache_dir / "digests.sqlite") as digests,
        Reader(settings, digests, 10**6) as reader,
        Failures(None) as failures,
    ):
        done = Reindex(store, "test", make_encoders(other), reader, failures).run(keep=False)
    assert (done.made, failures.count) == (3, 0)
    assert all(picture.kept for picture in all_pictures(open_index()))


def test_the_copy_goes_with_the_last_name(open_index, place, tmp_path):
    paths = write_pictures(tmp_path / "photos", 3)
    copy = shutil.copy(paths[0], tmp_path / "photos" / "again.png")
    index = open_index(place)
    index.add(tmp_path / "photos")
    assert index.remove(names=paths[0]).originals == 0
    assert index.remove(names=copy, dry_run=True).originals == 1
    assert len(files_in(place)) == 3
    assert index.remove(names=copy).originals == 1
    assert set(files_in(place)) == {picture.id for picture in all_pictures(index)}
    paths[1].unlink()
    index.add(tmp_path / "photos", prune_folders=True)
    assert set(files_in(place)) == {picture.id for picture in all_pictures(index)}
    index.drop()
    assert files_in(place) == {}


def test_what_a_killed_run_left_is_deleted_by_the_next(open_index, place, tmp_path):
    write_pictures(tmp_path / "photos", 2)
    index = open_index(place)
    folder = index.originals_folder()
    assert folder is not None
    index.add(tmp_path / "photos")
    there = all_pictures(index)[0]
    orphan, written = hashlib.sha256(b"orphan").hexdigest(), there.id
    folder.keep(orphan, b"orphan")
    folder.note([written])
    index.add(tmp_path / "photos")
    assert orphan in files_in(place)  # this process may be at work on it
    for id_ in (orphan, written):
        _as_of_a_dead_process(folder, id_)
    index.add(tmp_path / "photos")
    assert set(files_in(place)) == {picture.id for picture in all_pictures(index)}


def _as_of_a_dead_process(folder: OriginalsFolder, id_: str) -> None:
    address = f"{folder.address}/unfinished/{id_}"
    files = fsspec.filesystem(address.partition("://")[0], use_listings_cache=False)
    facts = json.loads(files.cat_file(address))
    files.pipe_file(address, json.dumps({**facts, "token": "of another", "pid": os.getpid()}).encode())


def test_a_folder_keeps_the_originals_of_one_index(open_index, place, tmp_path):
    write_pictures(tmp_path / "photos", 1)
    open_index(place).add(tmp_path / "photos")
    assert open_index(place, name="other").add(tmp_path / "photos").new == 1
    with pytest.raises(UsageError, match="has the originals of another index"):
        open_index(place, at=str(tmp_path / "second.db")).add(tmp_path / "photos")


def test_a_folder_that_is_indexed_is_refused(open_index, tmp_path):
    write_pictures(tmp_path / "photos", 1)
    with pytest.raises(UsageError, match=r"is in .*photos, which is indexed"):
        open_index(str(tmp_path / "photos" / "kept")).add(tmp_path / "photos")


def test_a_place_that_cannot_be_written_is_named_before_anything_is_done(open_index, tmp_path):
    write_pictures(tmp_path / "photos", 1)
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(OriginalsError, match=r"file://.*/file/test.*: Not a directory"):
        open_index(str(tmp_path / "file")).add(tmp_path / "photos")


def test_a_store_whose_package_is_not_installed_names_the_extra(open_index, tmp_path):
    write_pictures(tmp_path / "photos", 1)
    with pytest.raises(UsageError, match=r"pip install 'visop\[gs\]'"):
        open_index("gs://bucket").add(tmp_path / "photos")


def test_a_copy_that_was_changed_is_not_shown(open_index, tmp_path, settings):
    write_pictures(tmp_path / "photos", 1)
    index = open_index(str(tmp_path / "kept"))
    index.add(tmp_path / "photos")
    shutil.rmtree(tmp_path / "photos")
    [picture] = all_pictures(index)
    Path(picture.kept.removeprefix("file://")).write_bytes(b"something else")
    assert first_readable(picture, settings, lambda file, _: file, b"") == b""


def test_the_address_of_a_copy_is_no_name(tmp_path):
    picture = Picture("ab", ("/a", "https://b/c"), 1, 1, 1, 1, 1, kept="s3://b/ab/ab")
    assert read_names(picture.stored_names) == (picture.names, picture.kept)
    assert joined(Picture("ab", ("/d",), 1, 1, 1, 1, 1), picture).kept == picture.kept
