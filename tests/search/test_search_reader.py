import hashlib
import os

import pytest

from tests.images.wire import answer, open_wire
from tests.search.conftest import write_pictures
from visop.errors import FetchFailed, ImageTooLarge, InvalidInput, UrlRejected
from visop.search.digests import Digests
from visop.search.reader import Content, Reader
from visop.sources import path_of, stored_name


@pytest.fixture
def reader(settings, tmp_path):
    with Digests(tmp_path / "d.sqlite") as digests, Reader(settings, digests, 10_000) as reader:
        yield reader


def test_a_file_that_is_known_is_not_read_again(reader, tmp_path):
    (path,) = write_pictures(tmp_path, 1)
    first, second = reader.identify(str(path)), reader.identify(str(path))
    assert first.id == second.id == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (first.data, second.data) == (path.read_bytes(), b"")


@pytest.mark.parametrize("how", ["in place", "by another file"])
def test_a_content_that_changed_under_the_same_size_and_time_is_noticed(reader, tmp_path, how):
    (path,) = write_pictures(tmp_path, 1)
    before, facts = reader.identify(str(path)), os.stat(path)
    other = path if how == "in place" else tmp_path / "other"
    other.write_bytes(path.read_bytes()[::-1])
    os.utime(other, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    os.replace(other, path)
    assert (os.stat(path).st_size, os.stat(path).st_mtime_ns) == (facts.st_size, facts.st_mtime_ns)
    assert reader.identify(str(path)).id == hashlib.sha256(path.read_bytes()).hexdigest() != before.id


def test_what_is_known_is_read_again_if_asked_for(settings, tmp_path, picture_server):
    (path,) = write_pictures(tmp_path, 1)
    with Digests(tmp_path / "d.sqlite") as digests, Reader(settings, digests, 10_000, reread=True) as reader:
        for name in (str(path), f"{picture_server}/1-2-3.png") * 2:
            content = reader.identify(name)
            assert isinstance(content, Content)
            assert content.data


def test_what_an_index_keeps_is_read_again_under_any_name(reader, tmp_path):
    (path,) = write_pictures(tmp_path, 1)
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    os.link(path, odd)
    for name in (str(path), odd):
        seen = reader.identify(name)
        assert reader.read_again(seen.name).data == path.read_bytes()


def test_a_name_is_absolute(reader, tmp_path, monkeypatch):
    write_pictures(tmp_path, 1)
    monkeypatch.chdir(tmp_path)
    assert reader.identify("0.png").name == str(tmp_path / "0.png")


def test_a_url_is_fetched_once(reader, picture_server):
    url = f"{picture_server}/1-2-3.png"
    assert reader.identify(url).data
    assert reader.identify(url).data == b""


def test_what_cannot_be_read_says_why(reader, tmp_path, picture_server):
    (tmp_path / "large").write_bytes(bytes(10_001))
    assert isinstance(reader.identify(str(tmp_path / "large")), ImageTooLarge)
    assert isinstance(reader.identify(str(tmp_path)), InvalidInput)
    assert isinstance(reader.identify("x" * 5000), InvalidInput)
    assert isinstance(reader.identify("s3://bucket/key.jpg"), UrlRejected)
    assert isinstance(reader.identify(f"{picture_server}/none"), FetchFailed)


@pytest.mark.parametrize("path", ["/a/ü.png", "/a/caf\udce9.png", "/a/%41 b.png"])
def test_a_stored_name_leads_back_to_the_file(path):
    assert stored_name(path).isprintable()
    assert path_of(stored_name(path)) == path


def test_an_address_is_no_path():
    assert path_of("http://x/1.png") is None


def test_a_url_whose_server_is_busy_is_asked_for_again(reader):
    with open_wire() as wire:
        wire.answers["/a"] = [answer(b"", "503 Busy", "Retry-After: 0.01"), answer(b"here")]
        assert reader.identify(wire.url("/a")).data == b"here"
