"""The address of a database: a file of SQLite, or a PostgreSQL server."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from visop.errors import UsageError

_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_FORMS = "must be a file, sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME"


def database_url(text: str) -> URL:
    """Read an address: a path, ``sqlite:///PATH`` or ``postgresql://...``.

    Raises:
        UsageError: it is neither. The message has no password.
    """
    if "://" not in text:
        return URL.create("sqlite", database=_file(text))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise UsageError("database", "", _FORMS) from None
    if url.drivername in _POSTGRESQL:
        if not url.database:
            raise UsageError("database", shown(url), f"names no database; {_FORMS}")
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and not url.host:
        return URL.create("sqlite", database=_file(url.database or ""))
    raise UsageError("database", shown(url), _FORMS)


def shown(url: URL) -> str:
    """The address without its password, for messages and logs."""
    if url.drivername == "sqlite":
        return url.database or ""
    return url.set(drivername="postgresql").render_as_string(hide_password=True)


def folder_beside(url: URL) -> Path | None:
    """Where pictures are kept unless another place is named; None if the database is no file."""
    if url.drivername != "sqlite" or not url.database:
        return None
    return Path(url.database).with_suffix(".pictures")


def _file(text: str) -> str:
    if not text or text == ":memory:":
        raise UsageError("database", text, "a database in memory ends with the process; name a file")
    path = Path(text).expanduser().absolute()
    if path.is_dir():
        raise UsageError("database", text, "is a folder; name a file")
    if not path.parent.is_dir():
        raise UsageError("database", text, "there is no such folder")
    return str(path)
