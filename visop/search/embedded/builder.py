"""Build the index over the vectors of a collection, in the background or at the end of a run; one at a time."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np

from visop.search.embedded.database import Database
from visop.search.embedded.errors import translated
from visop.search.embedded.index_file import Cancelled, Wanted, build
from visop.search.embedded.memory import facts_of
from visop.search.embedded.stored_vectors import StoredVectors
from visop.search.embedded.vector_index import IndexFacts
from visop.search.index_types import IndexType

_log = logging.getLogger(__name__)


class IndexBuilder:
    """Builds index files for one collection. A search goes on meanwhile, and a killed build leaves nothing behind.

    Args:
        database: of the collection.
        uri: of the store, for messages.
        flat: up to so many vectors may be in no index.
    """

    def __init__(self, database: Database, uri: str, flat: int) -> None:
        self._database, self._uri, self._flat = database, uri, flat
        self._folder, self._name = database.path.parent, database.path.stem
        self._closing = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        """Stop what is built in the background. Idempotent."""
        with self._starting:
            self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def is_needed(self, connection: sqlite3.Connection) -> bool:
        """Whether too many vectors are in no index, and the user did not ask for none."""
        if connection.execute("SELECT 1 FROM about WHERE key = 'flat'").fetchone():
            return False
        facts = self._usable(connection)
        sql = "SELECT count(*) FROM (SELECT 1 FROM parts WHERE row > ? LIMIT ?)"
        values = facts.last if facts else 0, self._flat + 1
        return bool(connection.execute(sql, values).fetchone()[0] > self._flat)

    def begin(self) -> None:
        """Build an index in the background, unless that is done already."""
        with self._starting:
            if not self._closing.is_set() and not (self._thread is not None and self._thread.is_alive()):
                self._thread = threading.Thread(target=self._try, name="visop-build-index", daemon=True)
                self._thread.start()

    def tune(self, asked: IndexType | None) -> None:
        """Build the index that is asked for, or none; of None, one if there are many vectors."""
        with self._alone(is_waiting=True):
            with self._database.writing() as connection:
                facts = self._usable(connection)
                if asked is not None and asked.kind == "FLAT":
                    connection.execute("INSERT OR REPLACE INTO about VALUES ('flat', 1)")
                    connection.execute("DELETE FROM about WHERE key = 'index'")
                else:
                    connection.execute("DELETE FROM about WHERE key = 'flat'")
                is_needed = self.is_needed(connection)
            if asked is None:
                if is_needed:
                    self._build(None)
            elif asked.kind != "FLAT":
                nlist = int(asked.params["nlist"]) if "nlist" in asked.params else None
                if facts is None or nlist not in (None, facts.clusters):
                    self._build(nlist)
            self._remove_old()

    def _try(self) -> None:
        try:
            with self._alone(is_waiting=False) as is_alone:
                if is_alone:
                    self._build(None)
                    self._remove_old()
        except Cancelled:
            return
        except Exception as error:  # noqa: BLE001 - without it, searches are slower, and right all the same
            _log.warning("%s: no index could be built over %s: %s", self._uri, self._name, error)

    def _build(self, clusters: int | None) -> None:
        with self._database.reading() as connection:
            before = self._usable(connection)
            alive = np.fromiter((row for (row,) in connection.execute("SELECT row FROM parts")), np.int64)
            (pictures,) = connection.execute("SELECT count(*) FROM pictures").fetchone()
        if not len(alive):
            return
        wanted = Wanted(np.sort(alive), -(-len(alive) // pictures), clusters)
        vectors = StoredVectors(self._database)
        with translated(self._uri):
            facts = build(self._folder, self._name, vectors, wanted, before=before, check=self._check_open)
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO about VALUES ('index', ?)", (facts.text(),))

    def _usable(self, connection: sqlite3.Connection) -> IndexFacts | None:
        """What is known of the index that is there; None if its file is not what was noted."""
        facts = facts_of(connection)
        with suppress(OSError):
            if facts and (self._folder / facts.file).stat().st_size == facts.bytes:
                return facts
        return None

    def _check_open(self) -> None:
        if self._closing.is_set():
            raise Cancelled

    @contextmanager
    def _alone(self, *, is_waiting: bool) -> Iterator[bool]:
        """Whether nobody else builds an index over this collection, who cannot until this ends."""
        with translated(self._uri):
            lock = self._database.path.with_suffix(".lock")
            file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if is_waiting else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(file)
            yield False
            return
        try:
            yield True
        finally:
            os.close(file)

    def _remove_old(self) -> None:
        """Delete the index files that are not used; those that are mapped stay until they are not."""
        with self._database.reading() as connection:
            facts = facts_of(connection)
        for path in self._folder.glob(f"{self._name}.*.faiss*"):
            if facts is None or path.name != facts.file:
                with suppress(OSError):
                    path.unlink()
