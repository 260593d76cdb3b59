"""The database of stored analyses: its sessions, and its tables in the form that this version needs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from visop.analyses.database_url import database_url, shown
from visop.analyses.engine import MOST_CONNECTIONS, READS, WAIT_S, make_engine
from visop.analyses.errors import DatabaseUnavailable
from visop.analyses.migrating import migrate
from visop.errors import UsageError, VisopError
from visop.tracing.current import stage

# SQLite lets writers in without any order, so one of many may wait much longer than the others.
_LOCK_WAIT_S = 30.0


class Database:
    """Sessions over a pool of connections. A context manager; may be used from several threads.

    Args:
        address: as ``database_url`` takes it.
        lock_wait_s: how long a writer of SQLite waits for the others before it is refused.

    Attributes:
        address: the same without a password, for messages.
        is_sqlite: whether only one transaction at a time can write.

    Raises:
        UsageError: the address is none.
    """

    def __init__(self, address: str, *, lock_wait_s: float = _LOCK_WAIT_S) -> None:
        self.url = database_url(address)
        self.address = shown(self.url)
        self.is_sqlite = self.url.drivername == "sqlite"
        self._traced = {"db.system.name": "sqlite" if self.is_sqlite else "postgresql"}
        self._engine: Engine = make_engine(self.url, lock_wait_s=lock_wait_s)
        self._lock_wait_s, self._closed = lock_wait_s, False
        self._migrating, self._writing = threading.Lock(), threading.Lock()
        self._connecting = ThreadPoolExecutor(MOST_CONNECTIONS, "visop-connect")

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction that may write: committed at the end, rolled back if anything is raised.

        Objects can be read after it.

        Raises:
            DatabaseUnavailable: the database cannot be reached, or is busy for too long.
            IntegrityError: of SQLAlchemy, if something is there already.
        """
        with stage("database", self._traced), self._turn(), self._transaction(self._engine) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One transaction that only reads, and does not wait for writers. Raises as ``session``."""
        reads = self._engine.execution_options(**{READS: True})
        with stage("database", self._traced), self._transaction(reads) as session:
            yield session

    def migrate(self) -> None:
        """Bring the tables into the form that this version needs; make them if there are none. Safe from any process.

        Raises:
            UsageError: a later version of visop has used the database, or something else has.
            DatabaseUnavailable: as ``session``.
        """
        with self._migrating, self._translated(), self._connected(self._engine) as connection, connection.begin():
            migrate(connection, self.address)

    def trouble(self) -> str | None:
        """Why the database cannot be used now, in words, or None. Waits no longer than a session for a connection."""
        try:
            with self.reading() as session:
                session.execute(text("SELECT 1"))
        except VisopError as error:
            return str(error)
        return None

    def close(self) -> None:
        """Close the connections, and those in use when they come back. Idempotent."""
        self._connecting.shutdown(wait=False)
        if not self._closed:
            event.listen(self._engine.pool, "checkin", _end)
        self._closed = True
        self._engine.dispose()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let one writer of this process after the other to SQLite, which lets them in by chance, and after a pause."""
        if not self.is_sqlite:
            yield
            return
        if not self._writing.acquire(timeout=self._lock_wait_s):
            raise DatabaseUnavailable(f"the database {self.address} is busy: others write to it")
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Session]:
        with (
            self._translated(),
            self._connected(engine) as connection,
            Session(connection, expire_on_commit=False) as session,
            session.begin(),
        ):
            session.connection()  # a writer of SQLite takes its turn here, before it has done anything
            yield session

    def _connected(self, engine: Engine) -> Connection:
        """A connection that answers. A server that is there and says nothing is not waited for."""
        if self.is_sqlite:
            return engine.connect()
        future = self._connecting.submit(engine.connect)
        try:
            return future.result(WAIT_S)
        except FutureTimeout:
            future.add_done_callback(_close)
            raise DatabaseUnavailable(f"the database {self.address} does not answer") from None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (VisopError, IntegrityError):
            raise
        except PoolTimeout:
            raise DatabaseUnavailable(f"all connections to the database {self.address} are in use") from None
        except DBAPIError as error:
            raise self._spoken(error) from error
        except SQLAlchemyError as error:
            raise VisopError("the database cannot do what was asked for") from error

    def _spoken(self, error: DBAPIError) -> VisopError:
        """In words: those of a library may hold what was sent."""
        said = str(error.orig).lower()
        if "locked" in said:
            return DatabaseUnavailable(f"the database {self.address} is busy: others write to it")
        if "not a database" in said or "malformed" in said:
            return UsageError("database", self.address, "is damaged, or no file of SQLite")
        if "readonly" in said or "read-only" in said:
            return DatabaseUnavailable(f"the database {self.address} cannot be written; mind the owner and mode of all")
        if "full" in said or "no space" in said:
            return DatabaseUnavailable(f"the database {self.address}: no space is left on the disk")
        if "no such table" in said or "undefinedtable" in type(error.orig).__name__.lower():
            return UsageError("database", self.address, "has no tables of visop; `visop analyses migrate` makes them")
        if type(error).__name__ in ("OperationalError", "InterfaceError") or error.connection_invalidated:
            return DatabaseUnavailable(f"the database {self.address} does not answer")
        return VisopError("the database cannot do what was asked for")


def _end(_: object, connection: ConnectionPoolEntry) -> None:
    """End a connection whose pool was closed while it was in use; by itself the pool would keep it."""
    connection.invalidate()


def _close(connecting: Future[Connection]) -> None:
    """Give a connection back that came too late."""
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().close()
