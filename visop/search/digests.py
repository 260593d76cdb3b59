"""Remember which content a file had when it was last read, so that an unchanged folder need not be read again.

The memory is one SQLite file in the cache folder, for all indexes. It may be deleted at any time: files are then read
once more.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple, TypeAlias

from visop.search.cache_database import CacheDatabase

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
        self._waiting: dict[bytes, _Row] = {}
        self._file = CacheDatabase(path, _prepare, busy_s=_BUSY_S, purpose="the memory of files that did not change")

    def __enter__(self) -> Digests:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file.using() as database:
            self._write(database)
        self._file.close()

    def get(self, name: str, state: FileState) -> str | None:
        """Return the SHA-256 of a file that has not changed since ``put``; None if it is not known."""
        with self._file.using() as database:
            if database is not None:
                row = self._waiting.get(key := os.fsencode(name)) or _stored(database, key)
                return row[-1].hex() if row and row[1:-1] == state else None
        return None

    def put(self, name: str, state: FileState, digest: str) -> None:
        """Remember the SHA-256, hexadecimal, of a file as it was in this state."""
        if not (_LEAST <= state.modified_ns < time.time_ns() - _SETTLED_NS and _LEAST <= state.changed_ns <= _MOST):
            return
        key = os.fsencode(name)
        row = (key, *state, bytes.fromhex(digest))
        with self._file.using() as database:
            if database is not None:
                self._waiting[key] = row
                if len(self._waiting) == self._together:
                    self._write(database)

    def _write(self, database: sqlite3.Connection | None) -> None:
        """Write what is waiting in one short transaction: other processes wait for its end."""
        rows, self._waiting = self._waiting.values(), {}
        if database is not None:
            with database:
                database.executemany("INSERT OR REPLACE INTO contents VALUES (?, ?, ?, ?, ?, ?)", rows)


def _stored(database: sqlite3.Connection, key: bytes) -> _Row | None:
    row: _Row | None = database.execute("SELECT * FROM contents WHERE name = ?", (key,)).fetchone()
    return row


def _prepare(database: sqlite3.Connection) -> None:
    database.execute(_SCHEMA)
    if database.execute(_OLD).fetchone():
        database.execute(_MIGRATE)
        database.execute(_FORGET_OLD)
