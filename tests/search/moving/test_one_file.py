"""One file is moved whole or not at all, here and to another disk."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from visop.search.moving.one_file import NotMoved, check_movable, move_file

SHA = hashlib.sha256(b"cat").hexdigest()


# In memory on Linux, and so another disk than that of the tests.
_OTHER_DISK = Path("/dev/shm")


@pytest.fixture(params=["same disk", "other disk"])
def cat(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file, and beside it the folder ``away``, on the same disk or on another one."""
    path = tmp_path / "cat.jpg"
    path.write_bytes(b"cat")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    if request.param == "same disk":
        (tmp_path / "away").mkdir()
        yield path
        return
    if not _OTHER_DISK.is_dir() or _OTHER_DISK.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other disk")
    with TemporaryDirectory(dir=_OTHER_DISK) as folder:
        (tmp_path / "away").symlink_to(folder)
        yield path


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
