"""Which inputs are meant: files and URLs as they are, the pictures below folders, and what lists of them name."""

from __future__ import annotations

import codecs
import csv
import io
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from visop.errors import ImageTooLarge, InvalidInput, UsageError, VisopError

#: What is taken from a folder; a file that is named itself is taken whatever it is called.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".mpo")

# The column of a CSV that names pictures: the first of these that is there, else the first column.
_COLUMNS = ("url", "path", "file", "image", "input", "name")


def is_url(name: str) -> bool:
    """Whether an input is an address and not a path."""
    return name.lower().startswith(("http://", "https://"))


def find_inputs(names: Sequence[str], *, keep_unreadable: bool = False) -> list[str]:
    """Files and URLs as they are, the pictures below folders, and the lines of lists (``.txt``, ``.csv``).

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
    """As ``find_inputs``, in the form in which an index keeps names; ``~`` is a home folder.

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
    """The lines of a file, or of standard input for ``-``: files and URLs. One that is not there is an error row.

    Windows begins such a file with a mark of its encoding, which belongs to no name.

    Raises:
        UsageError: the list cannot be read.
    """
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise UsageError("", path, error.strerror or str(error)) from None
    return [os.fsdecode(line) for line in data.removeprefix(codecs.BOM_UTF8).splitlines() if line]


def read_input(name: str, max_bytes: int) -> bytes | str | VisopError:
    """The bytes of a file, or a URL as it is, or why the file cannot be sent."""
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
    """A name that somebody gave a file, with no control character that could reach the terminal."""
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
    """A folder that cannot be read is never left out in silence."""
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
    """All of a file of about that size, or at least one byte more than the limit.

    Never asked for much more than is there: memory for all that is allowed, taken and given back for each file, cost
    four times as much as reading it.
    """
    data = file.read(min(size, limit) + 1)
    while size < len(data) <= limit:  # it grew, or is of those that do not say their size
        size = len(data)
        more = file.read(limit + 1 - size)
        data += more
    return data


def _absolute(name: str) -> str:
    """As the index keeps it, so that the errors name nothing in two ways; an address of any kind as it is."""
    return name if "://" in name and not os.path.lexists(name) else os.path.abspath(name)
