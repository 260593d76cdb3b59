"""A SQLite file in the cache folder: what is in it saves time, and nothing else depends on it.

It may be deleted at any time.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_log = logging.getLogger(__name__)


class CacheDatabase:
    """May be used from several threads, and by several processes. What goes wrong with it is logged, never raised.

    Args:
        path: of the file; None keeps nothing.
        prepare: makes the tables, in a transaction.
        busy_s: how long a write of another process is waited for, in seconds.
        purpose: what it keeps, for the log.
    """

    def __init__(
        self, path: Path | None, prepare: Callable[[sqlite3.Connection], object], *, busy_s: float, purpose: str
    ) -> None:
        self._purpose, self._lock = purpose, threading.Lock()
        self._database: sqlite3.Connection | None = None
        if path is not None:
            with self.using():
                self._database = _open(path, prepare, busy_s)

    def close(self) -> None:
        """Close the file. Idempotent."""
        with self.using() as database:
            if database is not None:
                database.close()
        self._database = None

    @contextmanager
    def using(self) -> Iterator[sqlite3.Connection | None]:
        """Use it alone among the threads; None where it cannot be used. An error inside ends its use."""
        with self._lock:
            try:
                yield self._database
            except (sqlite3.Error, OSError, ValueError) as error:
                _log.warning("without %s: %s", self._purpose, error)
                self._database = None


def _open(path: Path, prepare: Callable[[sqlite3.Connection], object], busy_s: float) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=busy_s, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        with database:
            prepare(database)
    except sqlite3.Error:
        database.close()
        raise
    return database
