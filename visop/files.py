"""Write files and folders that appear whole or not at all, and survive kill -9 and power failure.

What is written goes under another name in the same folder, is synced, and takes its final name last; then the folder is
synced. Whoever reads meanwhile sees the old content. A run that is killed leaves at most the file with the other name,
which ends in ``.part``.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

#: What tells a file from one that was written in its place, or changed.
Version = tuple[int, int, int]


def version_of(path: Path) -> Version | None:
    """Inode, size and time of a file, which differ once it was changed or replaced; None if it cannot be looked at."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def write_whole(path: Path, data: bytes) -> None:
    """Write a file; see ``whole_file``."""
    with whole_file(path) as file:
        file.write(data)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which appears at ``path`` when the block ends, with the mode of the one that it replaces.

    If the block raises, nothing changes. Threads and processes that write the same path do not disturb each other: the
    last one to finish wins.

    Raises:
        OSError: it cannot be written, with ``path`` as its file name; what was there is as it was.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.part")
    try:
        with open(part, "wb") as file:
            yield file
            _sync(file)
        _take_mode(path, part)
        move(part, path)
    except BaseException as error:
        with suppress(OSError):
            part.unlink()
        if isinstance(error, OSError) and error.filename in (None, str(part)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def move(new: Path, path: Path) -> None:
    """Give a synced file its final name, in the same folder; what has that name is replaced."""
    os.replace(new, path)
    sync_folder(path.parent)


def move_folder(new: Path, path: Path) -> Path:
    """Sync the files of a folder that was just written, and give it its final name, which nothing may have yet."""
    for each in new.iterdir():
        with each.open("rb") as file:
            os.fsync(file.fileno())
    sync_folder(new)
    new.rename(path)
    sync_folder(path.parent)
    return path


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _take_mode(old: Path, new: Path) -> None:
    with suppress(FileNotFoundError):
        new.chmod(stat.S_IMODE(old.stat().st_mode))


def sync_folder(folder: Path) -> None:
    """Make a rename safe where the system allows it: not every system can open or sync a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
