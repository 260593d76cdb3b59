"""An append-only file of JSON lines, for one process at a time. After kill -9, a torn last line is cut off."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from visop.errors import UsageError


class Journal:
    """A context manager; the file stays until ``remove``.

    Raises:
        UsageError: it cannot be written, or another process has it open.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = open(path, "r+b", opener=lambda name, flags: os.open(name, flags | os.O_CREAT, 0o666))  # noqa: SIM115 - kept open
        except OSError as error:
            raise UsageError("", path, f"cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # goes when the process does
        except BlockingIOError:
            self._file.close()
            raise UsageError("", path, "another process is writing it") from None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, entry: dict[str, Any]) -> None:
        """Add an entry, safe against the death of this process when this returns."""
        self._file.seek(0, os.SEEK_END)
        # ASCII, so that file names which are not text survive: JSON escapes their surrogates.
        self._file.write(json.dumps(entry).encode("ascii") + b"\n")
        self._file.flush()

    def sync(self) -> None:
        """Make all entries safe against power failure."""
        os.fsync(self._file.fileno())

    def entries(self) -> Iterator[tuple[dict[str, Any], int]]:
        """Yield every entry with the offset of its end, up to the first that is not whole."""
        self._file.seek(0)
        end = 0
        for line in self._file:
            end += len(line)
            try:
                entry = json.loads(line)
            except ValueError:
                return
            if not line.endswith(b"\n") or not isinstance(entry, dict):
                return
            yield entry, end

    def cut(self, end: int) -> None:
        """Cut the file off at an offset."""
        self._file.truncate(end)

    def remove(self) -> None:
        """Delete the file."""
        self._path.unlink()
