"""A folder of files that can be made again, kept below a size: the oldest go first."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from visop.files import write_whole

# Of the size: written before the folder is looked at again, and made room for when it is.
_SLACK = 0.1


class BoundedFolder:
    """May be used from several threads; several processes may share it, with a bound that is as much looser.

    Args:
        folder: made when the first file is written. Whatever else is in it counts, and goes, too.
        max_bytes: of all files together.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder, self._max_bytes = folder, max_bytes
        self._lock = threading.Lock()
        # Nobody knows what an earlier process left: the first file makes room.
        self._written = max_bytes

    def read(self, name: str) -> bytes | None:
        """What was kept under this name; None if it is not there, or cannot be read."""
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
    """When each file below a folder was written, in nanoseconds; its size; its path."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            with suppress(OSError):  # another process took it out
                facts = os.stat(path)
                yield facts.st_mtime_ns, facts.st_size, path
