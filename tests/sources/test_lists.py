"""Lists hold one name a line, in any encoding."""

import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from visop.errors import UsageError
from visop.sources import read_list


def test_a_mark_of_the_encoding_belongs_to_no_name(tmp_path):
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbfa.jpg\r\nb.jpg\r\n")
    assert read_list(tmp_path / "list") == ["a.jpg", "b.jpg"]


def test_a_list_holds_one_name_a_line(tmp_path):
    (tmp_path / "list").write_bytes(b"a b.jpg\n\nhttp://host/a\r\ncaf\xe9.jpg")
    assert read_list(tmp_path / "list") == ["a b.jpg", "http://host/a", "caf\udce9.jpg"]


def test_a_list_may_come_from_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"a.jpg\n")))
    assert read_list(Path("-")) == ["a.jpg"]


def test_a_list_that_cannot_be_read_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_list(tmp_path / "list")


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_a_list_in_any_unicode_has_the_same_names(tmp_path, codec):
    (tmp_path / "list").write_bytes("a b.jpg\r\ncafé\u2028x.jpg\r\n".encode(codec))
    assert read_list(tmp_path / "list") == ["a b.jpg", "café\u2028x.jpg"]


def test_comments_and_empty_lines_are_no_names(tmp_path):
    (tmp_path / "list").write_text("# from the scanner\n\n  \na.jpg\n  # b.jpg\nc#d.jpg\n")
    assert read_list(tmp_path / "list") == ["a.jpg", "c#d.jpg"]


def test_a_file_whose_name_begins_like_a_comment_is_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "#1.jpg").touch()
    (tmp_path / "list").write_text("#1.jpg\n#2.jpg\n")
    assert read_list(tmp_path / "list") == ["#1.jpg"]


def test_what_visop_prints_can_be_given_back(tmp_path):
    lines = ["file:///a%20b.jpg", "file://localhost/caf%E9.jpg", "file:/c.jpg", "FILE:///d.jpg", "file://host/e.jpg"]
    (tmp_path / "list").write_text("\n".join(lines))
    assert read_list(tmp_path / "list") == ["/a b.jpg", "/caf\udce9.jpg", "/c.jpg", "/d.jpg", "file://host/e.jpg"]
