"""The list of inputs that failed, a CSV file, and how such files are written."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from visop.errors import UsageError
from visop.files import whole_file
from visop.sources.csv_cells import path_cell, text_cell

ERROR_HEADER = ("input", "code", "reason")


def check_replaceable(path: Path) -> None:
    """Refuse to replace anything but the errors of an earlier run.

    Raises:
        UsageError: there is another file.
    """
    if path.exists() and not is_list_of_errors(path):
        raise UsageError("errors", path, "is there already and no list of errors; take another name")


def is_list_of_errors(path: Path) -> bool:
    """Whether a file is a list of failed inputs that some run wrote, or empty, so that another run may replace it."""
    header = ",".join(ERROR_HEADER).encode()
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with open(path, "rb") as file:
            return file.read(len(header)) in (header, b"")
    except OSError:
        return False


def error_row(name: str, code: str, reason: str) -> tuple[str, str, str]:
    """The row of an input that failed."""
    return path_cell(name), code, text_cell(reason)


@contextmanager
def whole_text(path: Path) -> Iterator[IO[str]]:
    """A file in UTF-8 to write to, which appears whole, as of ``visop.files.whole_file``."""
    with whole_file(path) as file:
        text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")
        yield text
        text.detach()  # writes what it holds, and leaves the file open
