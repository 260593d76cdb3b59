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
from typing import NamedTuple, TypeAlias

_log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS contents (
    name BLOB PRIMARY KEY,
    size INTEGER NOT NULL, modified_ns INTEGER NOT NULL, changed_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
    digest BLOB NOT NULL
) WITHOUT ROWID
"""

# The table of version 0.2, which knew files by size and time of modification alone, so that they are read once more. Of
# addresses, which have size -1, it knew as much as is known now.
_OLD = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'digests'"
_MIGRATE = "INSERT OR IGNORE INTO contents SELECT name, size, modified_ns, 0, 0, digest FROM digests WHERE size = -1"
_FORGET_OLD = "DROP TABLE IF EXISTS digests"

# A file that changed this recently may change again without another time: file systems' clocks tick slowly (as Git's
# Documentation/technical/racy-git.txt explains).
_SETTLED_NS = 2_000_000_000

# What SQLite's integers can say. Files from the future are not remembered at all.
_LEAST, _MOST = -(2**63), 2**63 - 1

_BUSY_S = 10.0

# As the table has it: name, the state, digest.
_Row: TypeAlias = tuple[bytes, int, int, int, int, bytes]


class FileState(NamedTuple):
    """What shows that a file may have another content: one that was rewritten, replaced or restored differs in it.

    Attributes:
        size: bytes.
        modified_ns: when its content was written, in ns since 1970; programs can set it to any time.
        changed_ns: when its content, name or mode was changed; no program can set it.
        inode: which file it is on its disk.
    """

    size: int
    modified_ns: int
    changed_ns: int
    inode: int

    @classmethod
    def of(cls, facts: os.stat_result) -> FileState:
        """Take the state of a file from what ``os.stat`` says."""
        return cls(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino & _MOST)


#: An address has no state before it is fetched.
URL_STATE = FileState(-1, 0, 0, 0)


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

    def get(self, name: str, state: FileState) -> str | None:
        """Return the SHA-256 of a file that has not changed since ``put``; None if it is not known."""
        with self._safely():
            if self._database is not None:
                row = self._waiting.get(key := os.fsencode(name)) or self._stored(key)
                return row[-1].hex() if row and row[1:-1] == state else None
        return None

    def put(self, name: str, state: FileState, digest: str) -> None:
        """Remember the SHA-256, hexadecimal, of a file as it was in this state."""
        if not (_LEAST <= state.modified_ns < time.time_ns() - _SETTLED_NS and _LEAST <= state.changed_ns <= _MOST):
            return
        with self._safely():
            if self._database is not None:
                key = os.fsencode(name)
                self._waiting[key] = (key, *state, bytes.fromhex(digest))
                if len(self._waiting) == self._together:
                    self._write()

    def _stored(self, key: bytes) -> _Row | None:
        row: _Row | None = None
        if self._database is not None:
            row = self._database.execute("SELECT * FROM contents WHERE name = ?", (key,)).fetchone()
        return row

    def _write(self) -> None:
        """Write what is waiting in one short transaction: other processes wait for its end."""
        rows, self._waiting = self._waiting.values(), {}
        if self._database is not None:
            with self._database:
                self._database.executemany("INSERT OR REPLACE INTO contents VALUES (?, ?, ?, ?, ?, ?)", rows)

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
        with database:
            database.execute(_SCHEMA)
            if database.execute(_OLD).fetchone():
                database.execute(_MIGRATE)
                database.execute(_FORGET_OLD)
    except sqlite3.Error:
        database.close()
        raise
    return database
