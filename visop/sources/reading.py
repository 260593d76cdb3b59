"""Read the file of an input."""

from __future__ import annotations

import io
import os
import stat

from visop.errors import ImageTooLarge, InvalidInput, VisopError
from visop.sources.names import is_url


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
