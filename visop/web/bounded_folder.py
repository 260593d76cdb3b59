"""A folder of files that can be made again, whose size has a bound: the oldest files are deleted first."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from visop.files import write_whole

# The share of the bound that may be written before the folder is listed again, and that is then freed.
_SLACK = 0.1


class BoundedFolder:
    """May be used from several threads. Processes may share a folder; each then adds its own slack to the bound.

    Args:
        folder: made when the first file is written. Other files in it count, and are deleted, too.
        max_bytes: the most that all files take together.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder, self._max_bytes = folder, max_bytes
        self._lock = threading.Lock()
        # An earlier process may have filled the folder, so the first write makes room.
        self._written = max_bytes

    def read(self, name: str) -> bytes | None:
        """The file that was kept under this name; None if it is not there or cannot be read."""
        with suppress(OSError):
            return (self.folder / name).read_bytes()
        return None

    def keep(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
        self._count(len(data))

    def drop(self, name: str) -> None:
        """Delete the file that was kept under this name, if it is there."""
        with suppress(OSError):
            (self.folder / name).unlink()

    def _count(self, written: int) -> None:
        with self._lock:
            self._written += written
            if self._written > self._max_bytes * _SLACK:
                self._written = 0
                self._make_room()

    def _make_room(self) -> None:
        files = sorted(_files(self.folder))
        size = sum(each_size for _, each_size, _ in files)
        for _, each_size, path in files:
            if size <= self._max_bytes * (1 - _SLACK):
                return
            with suppress(OSError):
                os.unlink(path)
                size -= each_size


def _files(folder: Path) -> Iterator[tuple[int, int, str]]:
    """Of each file below a folder: when it was written, in nanoseconds, its size in bytes, and its path."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            with suppress(OSError):  # another process deleted it
                facts = os.stat(path)
                yield facts.st_mtime_ns, facts.st_size, path
