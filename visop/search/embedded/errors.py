"""Turn what SQLite raises into errors of ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from visop.errors import VisopError
from visop.search.errors import (
    FULL,
    READ_ONLY,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnreachable,
    WrongFilter,
)

# Of what a filter asks for, SQLite finds only these too much when it is asked.
_TOO_MUCH = ("too large", "too complex", "too deep", "parser stack overflow", "too many")


@contextmanager
def translated(uri: str, expression: str = "") -> Iterator[None]:
    """Raise our errors for whatever is raised inside.

    Args:
        uri: of the store, for messages.
        expression: the user's filter that is asked for, if any.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _of_sqlite(error, uri, expression) from None
    except OSError as error:
        raise of_system(error, uri) from None


def of_system(error: OSError, uri: str) -> StoreError:
    """Make the error for what the system said of a file."""
    text = f"[Errno {error.errno}] {error.strerror}"
    if error.errno in FULL:
        return StoreFull.of(uri, text)
    if error.errno in READ_ONLY:
        return StoreReadOnly.of(uri, text)
    return StoreError(f"{uri}: {text}")


def damaged(uri: str, text: str) -> StoreDamaged:
    """Make the error for a file that cannot be read."""
    return StoreDamaged(
        f"{uri} is damaged: {text}. Put back a copy, or move it away and index again; the pictures are not in it"
    )


def _of_sqlite(error: sqlite3.Error, uri: str, expression: str) -> VisopError:
    text, code = str(error), getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if expression and any(word in text for word in _TOO_MUCH):
        return WrongFilter(expression, "it is nested too deeply, or too long")
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and "disk I/O" in text and _is_of_writing(error)):
        return StoreFull.of(uri, text)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
        return StoreReadOnly.of(uri, text)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(uri, text)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreUnreachable(f"{uri}: another process writes, and does not end; wait for it or stop it")
    return StoreError(f"{uri}: SQLite says: {text}")


def _is_of_writing(error: sqlite3.Error) -> bool:
    """Whether an input or output error is one of writing, which is nearly always a quota or a full disk."""
    name = getattr(error, "sqlite_errorname", "")
    return any(word in name for word in ("WRITE", "TRUNCATE", "FSYNC", "SHMSIZE"))
