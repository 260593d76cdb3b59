"""Find out which inputs are meant by files, folders, lists and URLs, and read them."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from visop.errors import ImageTooLarge, InvalidInput, UsageError, VisopError

#: What is taken from a folder; a file that is named itself is taken whatever it is called.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".mpo")

# The column of a CSV that names pictures: the first of these that is there, else the first column.
_COLUMNS = ("url", "path", "file", "image", "input", "name")


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
    return name if os.path.lexists(name) else os.path.expanduser(path_of(name) or name)


def find_inputs(names: Sequence[str], *, keep_unreadable: bool = False) -> list[str]:
    """Return files and URLs as they are, the pictures below folders, and the lines of lists (``.txt``, ``.csv``).

    Folders are sorted, so that a second run finds the same order. Symbolic links to folders are not followed below a
    folder: they may lead in circles. What a list names need not be there.

    Args:
        names: files, folders, lists and URLs.
        keep_unreadable: a folder that cannot be read is then an input itself, and ``read_input`` says why it is none:
            for whoever writes down what failed and goes on.

    Raises:
        UsageError: a name is neither an address nor there, or a folder or list cannot be read.
    """
    return [each for name in names for each in _inputs_of(name, keep_unreadable)]


@dataclass(frozen=True)
class Inputs:
    """What to index.

    Attributes:
        names: absolute paths and URLs, in the order given; a folder that cannot be read is one of them, for reading it
            says why.
        folders: those that were given, absolute.
    """

    names: Sequence[str]
    folders: Sequence[str]


def gather(given: Sequence[str]) -> Inputs:
    """Do as ``find_inputs``, and give names the form in which an index keeps them; ``~`` is the home folder.

    Raises:
        UsageError: as ``find_inputs``, or a folder or list holds no pictures: an empty folder is more often a disk that
            is not mounted than one to be indexed.
    """
    names: list[str] = []
    given = [os.path.expanduser(each) for each in given]
    for each in given:
        found = find_inputs([each], keep_unreadable=True)
        if not found:
            what = "folder with no pictures below it" if os.path.isdir(each) else "list with no pictures in it"
            raise UsageError("", each, f"a {what}; nothing was changed")
        names += map(_absolute, found)
    return Inputs(names, [os.path.abspath(each) for each in given if os.path.isdir(each)])


def read_list(path: Path) -> list[str]:
    """Return the lines of a file, or of standard input for ``-``: paths and URLs, which need not exist.

    Editors on Windows put a byte-order mark at the start of such a file; it is no part of the first name.

    Raises:
        UsageError: the list cannot be read.
    """
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise UsageError("", path, error.strerror or str(error)) from None
    return [os.fsdecode(line) for line in data.removeprefix(codecs.BOM_UTF8).splitlines() if line]


def read_input(name: str, max_bytes: int) -> bytes | str | VisopError:
    """Return the bytes of a file, a URL as it is, or the error that says why the file cannot be used."""
    if is_url(name):
        return name
    try:
        # A pipe or a device would be waited for, or never end.
        facts = os.stat(name)
        if stat.S_ISDIR(facts.st_mode):
            os.scandir(name).close()  # raises if this is a folder that cannot be read
        if not stat.S_ISREG(facts.st_mode):
            return InvalidInput("not a file")
        with open(name, "rb", buffering=0) as file:
            data = _read(file, facts.st_size, max_bytes)
    except OSError as error:
        return InvalidInput(f"cannot be read: {error.strerror}")
    except ValueError:  # a NUL inside
        return InvalidInput("not a file name")
    if len(data) > max_bytes:
        return ImageTooLarge(f"more than {max_bytes} bytes, which is the limit for one image")
    return data


def printable(name: str) -> str:
    """Replace the characters of a file name that are not safe to print: they could control the terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)


def _inputs_of(name: str, keep_unreadable: bool) -> Iterator[str]:
    if is_url(name):
        yield name
    elif os.path.isdir(name):
        yield from _images_below(name, keep_unreadable)
    elif not os.path.lexists(name):
        raise UsageError("", name, "no such file or folder")
    elif (suffix := Path(name).suffix.lower()) == ".txt":
        yield from read_list(Path(name))
    elif suffix == ".csv":
        yield from _read_csv(Path(name))
    else:
        yield name


def _images_below(folder: str, keep_unreadable: bool) -> Iterator[str]:
    """Yield the pictures; a folder that cannot be read raises or is yielded itself, and is never skipped silently."""
    unreadable: list[OSError] = []
    for path, folders, files in os.walk(folder, onerror=unreadable.append):
        folders.sort()
        yield from (os.path.join(path, file) for file in sorted(files) if file.lower().endswith(SUFFIXES))
    for error in unreadable:
        if not keep_unreadable:
            raise UsageError("", error.filename, error.strerror or str(error))
        yield str(error.filename)


def _read_csv(path: Path) -> Iterator[str]:
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            rows = ([cell.strip() for cell in row] for row in csv.reader(file))
            header = next(rows, [])
            lowered = [cell.lower() for cell in header]
            column = next((lowered.index(name) for name in _COLUMNS if name in lowered), None)
            if column is None and header and header[0]:
                yield header[0]
            yield from (row[column or 0] for row in rows if len(row) > (column or 0) and row[column or 0])
    except OSError as error:
        raise UsageError("", path, error.strerror or str(error)) from None
    except csv.Error as error:
        raise UsageError("", path, f"not CSV: {error}") from None


def _read(file: io.FileIO, size: int, limit: int) -> bytes:
    """Read a whole file of about that size, or at least one byte more than the limit.

    Asking for as many bytes as the limit allows would make Python allocate and free that much for each file, which
    costs four times as much as reading it.
    """
    data = file.read(min(size, limit) + 1)
    while size < len(data) <= limit:  # the file grew, or does not report its size
        size = len(data)
        more = file.read(limit + 1 - size)
        data += more
    return data


def _absolute(name: str) -> str:
    """Return the name as an index keeps it, so that errors name every input in one way; an address stays as it is."""
    return name if "://" in name and not os.path.lexists(name) else os.path.abspath(name)
