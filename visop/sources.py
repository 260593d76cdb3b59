"""What the command line names, as inputs: files and URLs as they are, folders as the images below them."""

from __future__ import annotations

import codecs
import io
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from visop.errors import ImageTooLarge, InvalidInput, SettingsError, VisopError

#: What is taken from a folder; a file that is named itself is taken whatever it is called.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".mpo")


def is_url(name: str) -> bool:
    """Whether an input is an address and not a path."""
    return name.lower().startswith(("http://", "https://"))


def find_inputs(names: Sequence[str], *, keep_unreadable: bool = False) -> list[str]:
    """Files and URLs as they are, folders as the images below them, sorted, so that a second run finds the same order.

    Symbolic links to folders are not followed below a folder: they may lead in circles.

    Args:
        names: files, folders and URLs.
        keep_unreadable: a folder that cannot be read is then an input itself, and ``read_input`` says why it is none:
            for whoever writes down what failed and goes on.

    Raises:
        SettingsError: a name is neither an address nor there, or a folder cannot be read.
    """
    found: list[str] = []
    for name in names:
        if os.path.isdir(name):
            found += _images_below(name, keep_unreadable=keep_unreadable)
        elif is_url(name) or os.path.lexists(name):
            found.append(name)
        else:
            raise SettingsError(f"{name}: no such file or folder")
    return found


def read_list(path: Path) -> list[str]:
    """The lines of a file, or of standard input for ``-``: files and URLs. One that is not there is an error row.

    Windows begins such a file with a mark of its encoding, which belongs to no name.

    Raises:
        SettingsError: the list cannot be read.
    """
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    return [os.fsdecode(line) for line in data.removeprefix(codecs.BOM_UTF8).splitlines() if line]


def _images_below(folder: str, *, keep_unreadable: bool) -> Iterator[str]:
    """A folder that cannot be read is never left out in silence."""
    unreadable: list[OSError] = []
    for path, folders, files in os.walk(folder, onerror=unreadable.append):
        folders.sort()
        yield from (os.path.join(path, file) for file in sorted(files) if file.lower().endswith(SUFFIXES))
    for error in unreadable:
        if not keep_unreadable:
            raise SettingsError(f"{error.filename}: {error.strerror}")
        yield str(error.filename)


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


def printable(name: str) -> str:
    """A name that somebody gave a file, with no control character that could reach the terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)
