"""The database of stored analyses: its sessions, and its tables in the form that this version needs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from visop.analyses.database_url import database_url, shown
from visop.analyses.engine import READS, make_engine
from visop.analyses.errors import DatabaseUnavailable
from visop.analyses.migrating import migrate
from visop.errors import UsageError, VisopError

# Eight processes that write small transactions wait well under a second for each other; a busy disk makes it more.
_LOCK_WAIT_S = 10.0


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
        self._engine: Engine = make_engine(self.url, lock_wait_s=lock_wait_s)
        self._migrating = threading.Lock()

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
        with self._translated(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            session.connection()  # a writer of SQLite takes its turn here, before it has done anything
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One transaction that only reads, and does not wait for writers. Raises as ``session``."""
        engine = self._engine.execution_options(**{READS: True})
        with self._translated(), Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the tables into the form that this version needs; make them if there are none. Safe from any process.

        Raises:
            UsageError: a later version of visop has used the database, or something else has.
            DatabaseUnavailable: as ``session``.
        """
        with self._migrating, self._translated(), self._engine.begin() as connection:
            migrate(connection, self.address)

    def close(self) -> None:
        """Close the connections. Idempotent."""
        self._engine.dispose()

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
        text = str(error.orig).lower()
        if "locked" in text:
            return DatabaseUnavailable(f"the database {self.address} is busy: others write to it")
        if "not a database" in text or "malformed" in text:
            return UsageError("database", self.address, "is damaged, or no file of SQLite")
        if "readonly" in text or "read-only" in text:
            return DatabaseUnavailable(f"the database {self.address} cannot be written; mind the owner and mode of all")
        if "full" in text or "no space" in text:
            return DatabaseUnavailable(f"the database {self.address}: no space is left on the disk")
        if "no such table" in text or "undefinedtable" in type(error.orig).__name__.lower():
            return UsageError("database", self.address, "has no tables of visop; `visop analyses migrate` makes them")
        if type(error).__name__ in ("OperationalError", "InterfaceError") or error.connection_invalidated:
            return DatabaseUnavailable(f"the database {self.address} does not answer")
        return VisopError("the database cannot do what was asked for")
