"""Which content a file had when it was last read, so that a folder that did not change need not be read again.

A SQLite file in the cache folder, one for all indexes. Nothing depends on it: without it files are read once more, and
it may be deleted at any time.
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

_log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS digests (
    name BLOB PRIMARY KEY, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL, digest BLOB NOT NULL
) WITHOUT ROWID
"""

# A file that changed this recently may change again without another time: file systems' clocks tick slowly (as Git's
# Documentation/technical/racy-git.txt explains).
_SETTLED_NS = 2_000_000_000

_BUSY_S = 10.0


class Digests:
    """A context manager; may be used from several threads, and by several processes. Never raises.

    Args:
        path: of the file; None remembers nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        if path is not None:
            with self._safely():
                self._database = _open(path)

    def __enter__(self) -> Digests:
        return self

    def __exit__(self, *_: object) -> None:
        with self._safely():
            if self._database is not None:
                self._database.close()
        self._database = None

    def get(self, name: str, size: int, modified_ns: int) -> str | None:
        """The SHA-256 of a file that has not changed since it was put; None if it is not known."""
        with self._safely():
            if self._database is not None:
                query = "SELECT digest FROM digests WHERE name = ? AND size = ? AND modified_ns = ?"
                row = self._database.execute(query, (os.fsencode(name), size, modified_ns)).fetchone()
                return None if row is None else row[0].hex()
        return None

    def put(self, name: str, size: int, modified_ns: int, digest: str) -> None:
        """Remember the SHA-256, hexadecimal, of a file as it was at this size and time of change."""
        if time.time_ns() - modified_ns < _SETTLED_NS:
            return
        with self._safely():
            if self._database is not None:
                values = (os.fsencode(name), size, modified_ns, bytes.fromhex(digest))
                self._database.execute("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", values)

    @contextmanager
    def _safely(self) -> Iterator[None]:
        """Do without rather than stop a run."""
        with self._lock:
            try:
                yield
            except OverflowError:  # a time of change after 2262: that file alone is not remembered
                pass
            except (sqlite3.Error, OSError) as error:
                _log.warning("without the memory of files that did not change: %s", error)
                self._database = None


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Each row by itself, which costs little in a log: a transaction would keep other processes waiting for its end.
    database = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(_SCHEMA)
    return database
