"""What is registered and uploaded through the interface of the original engine: a SQLite file beside the indexes."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from visop.errors import UsageError, VisopError

#: Of the tables below.
FORMAT = 1

_BUSY_S = 10.0

_TABLES = """
CREATE TABLE documents (kind TEXT, name TEXT, facts TEXT NOT NULL, PRIMARY KEY (kind, name));
CREATE TABLE entities (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, application TEXT NOT NULL, docs TEXT NOT NULL
);
CREATE INDEX entities_of_application ON entities (application, number);
CREATE TABLE pictures (
    collection TEXT, picture TEXT, entity INTEGER NOT NULL REFERENCES entities ON DELETE CASCADE,
    PRIMARY KEY (collection, picture, entity)
) WITHOUT ROWID;
CREATE INDEX pictures_of_entity ON pictures (entity);
CREATE TABLE unfinished (collection TEXT, picture TEXT, PRIMARY KEY (collection, picture)) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


class EngineDatabase:
    """May be used from several threads, and by several processes.

    Args:
        path: of the file, made if it is not there.

    Raises:
        UsageError: it cannot be opened, is none of ours, or is of a newer visop.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False, isolation_level=None)
        except (sqlite3.Error, OSError) as error:
            raise UsageError("engine_api", path, f"cannot be opened: {error}") from None
        try:
            self._prepare(path)
        except sqlite3.Error as error:
            self.close()
            raise UsageError("engine_api", path, f"cannot be opened: {error}") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file. Idempotent."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read. Raises VisopError if that fails."""
        with self._lock, _translated():
            yield self._connection

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Change something, all of it or nothing, alone among all processes. Raises VisopError if that fails."""
        with self._lock, _translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _prepare(self, path: Path) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        with self.changing() as connection:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found > FORMAT:
                why = f"has format {found}, this visop reads {FORMAT}: update visop"
                raise UsageError("engine_api", path, why)
            if not found:
                for statement in filter(str.strip, _TABLES.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {FORMAT}")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise VisopError(f"what is registered cannot be read or written: {error}") from None
