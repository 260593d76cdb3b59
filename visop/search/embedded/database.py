"""One SQLite database: connections for several threads, transactions, and what its tables are.

Written in write-ahead mode: readers never wait for a writer nor a writer for readers, in however many processes, and
what is confirmed outlives the death of any of them (https://sqlite.org/wal.html). Needs a disk of this machine.
"""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from queue import Empty, LifoQueue
from urllib.parse import quote

from visop.search.attributes import Declared
from visop.search.embedded.errors import translated
from visop.search.errors import NoSuchIndex

# How long a writer waits for another one: a transaction of ours takes far below a second.
_BUSY_S = 60.0

_KIB_OF_CACHE = 16 << 10

#: ``parts`` has a row for each vector, of which number 0 is that of the whole picture. A vector that changes gets a new
#: ``row``, higher than any before: a row that was found in an index over the vectors has the vector it had, or is gone.
SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE pictures (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    width INTEGER NOT NULL, height INTEGER NOT NULL, bytes INTEGER NOT NULL,
    modified INTEGER NOT NULL, added INTEGER NOT NULL
);
CREATE TABLE names (
    picture INTEGER NOT NULL, position INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (picture, position)
) WITHOUT ROWID;
CREATE INDEX names_by_name ON names (name);
CREATE TABLE parts (
    row INTEGER PRIMARY KEY AUTOINCREMENT, picture INTEGER NOT NULL, number INTEGER NOT NULL,
    x REAL, y REAL, w REAL, h REAL, label TEXT NOT NULL, score REAL NOT NULL, keypoints TEXT NOT NULL,
    UNIQUE (picture, number)
);
CREATE INDEX parts_by_label ON parts (label, score) WHERE label <> '';
CREATE TABLE vectors (row INTEGER PRIMARY KEY, vector BLOB NOT NULL);
"""

#: Numbers of a picture that filters are likely to ask for.
NUMBERS = ("width", "height", "bytes", "modified", "added")


def columns_of(declared: Declared) -> dict[str, str]:
    """Return the columns of attributes by their names: SQLite's own do not tell small letters from capitals."""
    return {name: f"attribute_{number}" for number, name in enumerate(declared)}


def make_database(path: Path, about: str, declared: Declared) -> None:
    """Make the file of an empty collection, whole or not at all. Raises sqlite3.Error and OSError."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with closing(sqlite3.connect(part, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN; {SCHEMA}")
        for name in NUMBERS:
            connection.execute(f"CREATE INDEX pictures_by_{name} ON pictures ({name})")
        for column in columns_of(declared).values():
            connection.execute(f"ALTER TABLE pictures ADD COLUMN {column}")
            connection.execute(f"CREATE INDEX pictures_by_{column} ON pictures ({column}) WHERE {column} IS NOT NULL")
        connection.execute("INSERT INTO about VALUES ('operator', ?), ('version', 0)", (about,))
        connection.execute("COMMIT")
    part.replace(path)


def remove_database(path: Path) -> None:
    """Delete the file of a collection and what stands beside it. Raises OSError."""
    for each in (
        path,
        path.with_suffix(".lock"),
        *path.parent.glob(f"{path.name}-*"),
        *path.parent.glob(f"{path.stem}.*.faiss*"),
    ):
        each.unlink(missing_ok=True)


class Database:
    """An open file of a collection. May be used from several threads.

    Args:
        path: of the file.
        uri: of the store, for messages.

    Raises:
        NoSuchIndex: it is not there.
        StoreError: it cannot be opened.
    """

    def __init__(self, path: Path, uri: str) -> None:
        self.path, self._uri = path, uri
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._is_closed = False
        self._inode = path.stat().st_ino if path.exists() else -1
        with self.reading() as connection:  # whether it can be
            connection.execute("SELECT count(*) FROM about").fetchone()

    @property
    def is_there(self) -> bool:
        """Whether nobody has deleted the file, or put another one in its place."""
        with suppress(OSError):
            return self.path.stat().st_ino == self._inode
        return False

    @contextmanager
    def reading(self, expression: str = "") -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of the file."""
        with self._transaction("BEGIN", expression) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that writes all or nothing; one at a time among all processes."""
        with self._transaction("BEGIN IMMEDIATE", "") as connection:
            yield connection
            connection.execute("UPDATE about SET value = value + 1 WHERE key = 'version'")

    def checkpoint(self) -> None:
        """Write what is in the write-ahead file into its final place, as far as nobody reads it."""
        with translated(self._uri), self._connection() as connection, suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Close all connections; the last one of all processes writes everything into its final place. Idempotent."""
        self._is_closed = True
        with suppress(Empty):
            while True:
                self._idle.get_nowait().close()

    @contextmanager
    def _transaction(self, begin: str, expression: str) -> Iterator[sqlite3.Connection]:
        self._check_there()
        with translated(self._uri, expression), self._connection() as connection:
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = self._connected()
        try:
            yield connection
        finally:
            if self._is_closed:
                connection.close()
            else:
                self._idle.put(connection)

    def _connected(self) -> sqlite3.Connection:
        with suppress(Empty):
            return self._idle.get_nowait()
        try:
            return _connect(self.path)
        except sqlite3.OperationalError:
            self._check_there()  # it may have been deleted since somebody looked
            raise

    def _check_there(self) -> None:
        """What is written into a file that another process has deleted would be lost without a word."""
        if self._is_closed or not self.is_there:
            name = self.path.stem
            raise NoSuchIndex(
                f"{self._uri} has no collection {name} any more: it was deleted, or replaced by a reindex"
            )


def _connect(path: Path) -> sqlite3.Connection:
    address = f"file:{quote(str(path))}?mode=rw"
    if not os.access(path, os.W_OK):
        address = f"file:{quote(str(path))}?mode=ro"
        # Where nothing can be made beside it, SQLite reads a file whose writers have closed it.
        if not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists():
            address += "&immutable=1"
    connection = sqlite3.connect(
        address, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        connection.execute(f"PRAGMA cache_size = -{_KIB_OF_CACHE}")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA case_sensitive_like = ON")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.create_function("power", 2, _power, deterministic=True)
    except BaseException:
        connection.close()
        raise
    return connection


def _power(base: float | None, exponent: float | None) -> float | None:
    """``base ** exponent``; NULL, which meets no condition, where that is no number."""
    if base is None or exponent is None:
        return None
    with suppress(ArithmeticError, ValueError):
        return math.pow(base, exponent)
    return None
