"""What of a collection is in memory: the vectors that no index has, and where the index over the others is."""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path

from visop.search.embedded.nearest import Vectors
from visop.search.embedded.recent import RecentVectors
from visop.search.embedded.vector_index import IndexFacts, VectorIndex

_log = logging.getLogger(__name__)

_CHUNK = 10_000


class Replaced(Exception):
    """The index that a transaction sees is gone: another one took its place meanwhile."""


class Memory:
    """Made of a collection when it is first searched, and kept up to date with what any process writes.

    Args:
        folder: has the index files.
        dimension: of the vectors.
    """

    def __init__(self, folder: Path, dimension: int) -> None:
        self._folder, self._dimension = folder, dimension
        self._lock = threading.Lock()
        self._version = -1
        self._vectors = Vectors(None, RecentVectors(dimension))

    def as_of(self, connection: sqlite3.Connection, *, is_last: bool) -> Vectors:
        """Return all vectors that a transaction sees; perhaps some more, and some that are gone.

        Raises:
            Replaced: the index is gone; not if ``is_last``, when the vectors are compared one by one.
        """
        version = version_of(connection)
        with self._lock:
            if version > self._version:
                self._vectors = self._loaded(connection, is_last=is_last)
                self._version = version
            return self._vectors

    def _loaded(self, connection: sqlite3.Connection, *, is_last: bool) -> Vectors:
        index, recent = self._vectors.index, self._vectors.recent
        facts = facts_of(connection)
        if facts != (index.facts if index else None):
            known = index.facts.last if index else 0
            index = self._opened(facts, is_last=is_last)
            last = index.facts.last if index else 0
            recent = recent.behind(last) if last >= known else RecentVectors(self._dimension, last)
        while found := rows_behind(connection, recent.last, _CHUNK):
            recent.append(*zip(*found, strict=True))
        return Vectors(index, recent)

    def _opened(self, facts: IndexFacts | None, *, is_last: bool) -> VectorIndex | None:
        if facts is None:
            return None
        try:
            return VectorIndex(self._folder, facts)
        except OSError as error:
            if not is_last:
                raise Replaced from None
            _log.warning("%s: the index %s cannot be used: %s", self._folder, facts.file, error.strerror)
            return None


def version_of(connection: sqlite3.Connection) -> int:
    """Return a number that every change of a collection raises."""
    return int(connection.execute("SELECT value FROM about WHERE key = 'version'").fetchone()[0])


def facts_of(connection: sqlite3.Connection) -> IndexFacts | None:
    """Return what is known of the index over the vectors; None if there is none."""
    found = connection.execute("SELECT value FROM about WHERE key = 'index'").fetchone()
    return IndexFacts.of_text(found[0]) if found else None


def rows_behind(connection: sqlite3.Connection, row: int, count: int) -> list[tuple[int, bytes]]:
    """Return the next rows behind one with their vectors, so many at most."""
    sql = "SELECT row, vector FROM vectors WHERE row > ? ORDER BY row LIMIT ?"
    return connection.execute(sql, (row, count)).fetchall()
