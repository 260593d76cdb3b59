"""One file is moved whole or not at all, here and to another disk."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from visop.search.moving.one_file import NotMoved, check_movable, move_file

SHA = hashlib.sha256(b"cat").hexdigest()


@pytest.fixture(params=["same disk", "other disk"])
def cat(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file, and a system that has the folder ``away`` on another disk or not."""
    (tmp_path / "away").mkdir()
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"cat")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    replace = os.replace

    def replace_on_one_disk(source: str, target: str) -> None:
        if Path(source).parent != Path(target).parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        replace(source, target)

    if request.param == "other disk":
        monkeypatch.setattr(os, "replace", replace_on_one_disk)
    return path


def test_a_file_is_moved_with_its_time(cat: Path, tmp_path: Path) -> None:
    move_file(str(cat), str(tmp_path / "away" / "cat.jpg"), SHA)
    assert [path.name for path in (tmp_path / "away").iterdir()] == ["cat.jpg"]
    assert (tmp_path / "away" / "cat.jpg").read_bytes() == b"cat"
    assert (tmp_path / "away" / "cat.jpg").stat().st_mtime == 1_600_000_000
    assert not cat.exists()


def test_nothing_is_replaced(cat: Path, tmp_path: Path) -> None:
    (tmp_path / "away" / "cat.jpg").write_bytes(b"")
    with pytest.raises(NotMoved, match="something else is there now"):
        move_file(str(cat), str(tmp_path / "away" / "cat.jpg"), SHA)
    assert (tmp_path / "away" / "cat.jpg").read_bytes() == b""
    assert cat.read_bytes() == b"cat"


def test_what_cannot_be_moved_stays_and_leaves_no_trace(
    cat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(NotMoved, match="No space left on device"):
        move_file(str(cat), str(tmp_path / "away" / "cat.jpg"), SHA)
    with pytest.raises(NotMoved, match="File name too long"):
        move_file(str(cat), str(tmp_path / "away" / ("x" * 300)), SHA)
    assert list((tmp_path / "away").iterdir()) == []
    assert cat.read_bytes() == b"cat"


def test_a_copy_on_another_disk_that_is_not_what_was_meant_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "cat.jpg").write_bytes(b"cat that is being written")

    def elsewhere(*_: str) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "replace", elsewhere)
    with pytest.raises(NotMoved, match="changed while it was copied"):
        move_file(str(tmp_path / "cat.jpg"), str(tmp_path / "away" / "cat.jpg"), SHA)
    assert list((tmp_path / "away").iterdir()) == []
    assert (tmp_path / "cat.jpg").exists()


def test_only_a_file_with_the_content_that_was_indexed_is_movable(tmp_path: Path) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"cat")
    check_movable(str(path), SHA)
    (tmp_path / "link.jpg").symlink_to(path)
    for name, digest, why in (
        ("cat.jpg", "0" * 64, "has changed since it was indexed"),
        ("link.jpg", SHA, "is a link to a file"),
        ("gone.jpg", SHA, "is not there any more"),
        ("", SHA, "is not there any more"),
        ("a\0b", SHA, "cannot be read|is not there"),
    ):
        with pytest.raises(NotMoved, match=why):
            check_movable(str(tmp_path / name), digest)
