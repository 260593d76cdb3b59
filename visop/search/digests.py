"""Remember which content a file had when it was last read, so that an unchanged folder need not be read again.

The memory is one SQLite file in the cache folder, for all indexes. It may be deleted at any time: files are then read
once more.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

_log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS digests (
    name BLOB PRIMARY KEY, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL, digest BLOB NOT NULL
) WITHOUT ROWID
"""

# A file that changed this recently may change again without another time: file systems' clocks tick slowly (as Git's
# Documentation/technical/racy-git.txt explains).
_SETTLED_NS = 2_000_000_000

# What SQLite's integers can say. Files from the future are not remembered at all.
_FIRST_NS = -(2**63)

_BUSY_S = 10.0

# As the table has it: name, size, time of change, digest.
_Row: TypeAlias = tuple[bytes, int, int, bytes]


class Digests:
    """A context manager; may be used from several threads, and by several processes. Never raises.

    Args:
        path: of the file; None remembers nothing.
        together: so many digests are written at once. What a killed run had not written is read once more.
    """

    def __init__(self, path: Path | None, *, together: int = 64) -> None:
        self._together = together
        self._lock = threading.Lock()
        self._waiting: dict[bytes, _Row] = {}
        self._database: sqlite3.Connection | None = None
        if path is not None:
            with self._safely():
                self._database = _open(path)

    def __enter__(self) -> Digests:
        return self

    def __exit__(self, *_: object) -> None:
        with self._safely():
            self._write()
            if self._database is not None:
                self._database.close()
        self._database = None

    def get(self, name: str, size: int, modified_ns: int) -> str | None:
        """Return the SHA-256 of a file that has not changed since ``put``; None if it is not known."""
        with self._safely():
            if self._database is not None:
                row = self._waiting.get(key := os.fsencode(name)) or self._stored(key)
                return row[3].hex() if row and row[1:3] == (size, modified_ns) else None
        return None

    def put(self, name: str, size: int, modified_ns: int, digest: str) -> None:
        """Remember the SHA-256, hexadecimal, of a file as it was at this size and time of change."""
        if not _FIRST_NS <= modified_ns < time.time_ns() - _SETTLED_NS:
            return
        with self._safely():
            if self._database is not None:
                key = os.fsencode(name)
                self._waiting[key] = (key, size, modified_ns, bytes.fromhex(digest))
                if len(self._waiting) == self._together:
                    self._write()

    def _stored(self, key: bytes) -> _Row | None:
        row: _Row | None = None
        if self._database is not None:
            row = self._database.execute("SELECT * FROM digests WHERE name = ?", (key,)).fetchone()
        return row

    def _write(self) -> None:
        """Write what is waiting in one short transaction: other processes wait for its end."""
        rows, self._waiting = self._waiting.values(), {}
        if self._database is not None:
            with self._database:
                self._database.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", rows)

    @contextmanager
    def _safely(self) -> Iterator[None]:
        """Log an error and go on without the memory, rather than stop a run."""
        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError) as error:
                _log.warning("without the memory of files that did not change: %s", error)
                self._database = None


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(_SCHEMA)
        database.commit()
    except sqlite3.Error:
        database.close()
        raise
    return database
