"""The names of inputs: paths, URLs of the web, and ``file:`` URLs of paths that are no text."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

# What stands before the path in a URL of a file on this machine (RFC 8089), and what in one on another.
_FILE_URL = re.compile(r"file:(?://(?:localhost)?(?=/)|(?=/(?!/)))", re.IGNORECASE)
_OTHER_MACHINE = re.compile(r"file://", re.IGNORECASE)


def is_url(name: str) -> bool:
    """Whether an input is an address and not a path."""
    return name.lower().startswith(("http://", "https://"))


def path_of(name: str) -> str | None:
    """Return the path that a name of the index, a path or a ``file:`` URL of this machine, stands for; else None.

    Does the reverse of ``stored_name``.
    """
    if is_url(name):
        return None
    if found := _FILE_URL.match(name):
        return os.fsdecode(unquote_to_bytes(name[found.end() :]))
    return None if _OTHER_MACHINE.match(name) else name


def stored_name(path: str) -> str:
    """Return a path as the index keeps it: as it is, or, if it is not valid text, as a ``file:`` URL."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return Path(path).as_uri()
    return path


def typed_path(name: str) -> str:
    """Return the path that somebody means who typed it: of a ``file:`` URL, and with ``~`` for the home folder."""
    return name if os.path.lexists(name) else os.path.expanduser(listed_name(name))


def listed_name(name: str) -> str:
    """Return what a line of a list means: the path of a ``file:`` URL, unless a file is called that; else the line."""
    return name if is_url(name) or os.path.lexists(name) else path_of(name) or name


def printable(name: str) -> str:
    """Replace the characters of a file name that are not safe to print: they could control the terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)
