"""Tell where an index is: in a folder of this machine, or behind the address of a Milvus."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from visop.errors import UsageError
from visop.images.formats.signatures import SNIFF_BYTES, sniff
from visop.search.errors import NoSuchIndex
from visop.sources import path_of

_SQLITE = b"SQLite format 3\0"


def file_of(uri: str) -> Path | None:
    """Return the path of a folder of indexes, which need not be there; None for the address of a server.

    The slash that a shell adds to the name of a folder does not count, ``~`` is the home folder, and ``file:`` URLs are
    paths.

    Raises:
        UsageError: it is neither, or there is a file in its place, or no folder to put it in.
    """
    name = path_of(uri) or uri
    if "://" in name:
        _check_address(name)
        return None
    path = Path(name).expanduser()
    if path.is_file():
        raise UsageError("uri", shown_uri(uri), _what_it_is(path))
    if path.suffix != ".db":
        raise UsageError("uri", shown_uri(uri), "must end in .db, or be http://HOST:PORT of a Milvus")
    if not path.parent.is_dir():
        raise UsageError("uri", shown_uri(uri), f"there is no folder {path.parent}")
    return path


def check_there(uri: str) -> None:
    """Raise NoSuchIndex for a folder that is not there: a ``Store`` would make it."""
    path = file_of(uri)
    if path is not None and not path.exists():
        raise NoSuchIndex(f"there is no {uri}; `visop index` makes one")


def shown_uri(uri: str) -> str:
    """Return a URI without credentials, for messages."""
    if "://" not in uri:
        return uri
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _check_address(uri: str) -> None:
    try:
        parts = urlsplit(uri)
        is_complete = bool(parts.scheme in ("http", "https") and parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # no port, or half an IPv6 address
        is_complete = False
    if not is_complete:
        raise UsageError("uri", shown_uri(uri), "must be http://HOST:PORT of a Milvus, or a path that ends in .db")


def _what_it_is(path: Path) -> str:
    """Say what a file is that is no index, which is a folder."""
    try:
        with open(path, "rb") as file:
            head = file.read(SNIFF_BYTES)
    except OSError as error:
        return f"a file that cannot be read: {error.strerror}"
    if head.startswith(_SQLITE):
        return (
            "a file of Milvus Lite 2, which visop cannot read; it is left alone. Index the pictures again into "
            "another file; `milvus-lite dump` of version 2 writes out what is in it, for a Milvus server"
        )
    kind = sniff(head)
    return f"a {kind} picture, and no index" if kind else "a file, and an index is a folder that visop makes"
