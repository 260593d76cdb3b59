"""Engines of SQLAlchemy whose every wait has an end."""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from visop.analyses.to_column import to_column

#: How long a request waits for a connection of the pool, for a new one, or for a writer of SQLite, in seconds.
WAIT_S = 0.8
# Of one statement, in milliseconds: lists of millions of records take the longest.
_STATEMENT_MS = 20_000
_LOCK_MS = 10_000
_POOL, _MORE = 10, 30

#: That one process opens at a time.
MOST_CONNECTIONS = _POOL + _MORE

#: Execution option of a transaction that only reads. SQLite lets it begin while others write.
READS = "visop_reads"


def make_engine(url: URL, *, lock_wait_s: float) -> Engine:
    """An engine, which has no connection yet.

    Args:
        url: as ``database_url`` gives it.
        lock_wait_s: how long a writer of SQLite waits for the others.
    """
    if url.drivername == "sqlite":
        return _sqlite(url, lock_wait_s)
    timeouts = f"-c statement_timeout={_STATEMENT_MS} -c lock_timeout={_LOCK_MS} -c TimeZone=UTC"
    timeouts += f" -c idle_in_transaction_session_timeout={3 * _STATEMENT_MS}"
    # A connection that carries nothing for so long is dead, whether or not the other side said so.
    alive = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 5000}
    return create_engine(
        url,
        pool_size=_POOL,
        max_overflow=_MORE,
        pool_timeout=WAIT_S,
        json_serializer=to_column,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 2, "options": timeouts, "application_name": "visop", **alive},
    )


def _sqlite(url: URL, lock_wait_s: float) -> Engine:
    engine = create_engine(
        url,
        pool_size=_POOL,
        max_overflow=_MORE,
        pool_timeout=WAIT_S,
        json_serializer=to_column,
        connect_args={"timeout": lock_wait_s},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say so, see _begin_sqlite
    # A write-ahead log: readers and the one writer do not wait for each other. NORMAL: what is committed survives
    # kill -9; a power failure may take the last moments with it, but never leaves half of a transaction. FULL would
    # make every transaction wait for the disk, which with eight writers is seconds.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A transaction that will write takes its turn at once: one that turns to writing later is refused, not queued."""
    reads = connection.get_execution_options().get(READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
