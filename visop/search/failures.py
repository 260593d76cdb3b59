"""Write the inputs that could not be indexed into a CSV file, which exists only if there are any."""

from __future__ import annotations

import csv
import errno
import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

from visop.encoding.error_list import error_row, is_list_of_errors
from visop.errors import UsageError, VisopError
from visop.rpc.statuses import code_of
from visop.search.place import file_of, shown_uri

_log = logging.getLogger(__name__)


class Failures:
    """A context manager. Rows are input, code, reason, as those of ``visop encode``.

    Args:
        errors: what an earlier run wrote there is replaced by the first failure, or removed at the end of a run that
            had none; until then it can still be read, or be the list that is indexed again. None only counts.
        or_count: if the file cannot be written, only count, and log that.

    Attributes:
        path: None if failures are only counted.
        count: how many there are.
        reasons: how many there are of each reason.

    Raises:
        UsageError: the file cannot be written, or is something else; from ``add`` as well, if that shows only then.
    """

    def __init__(self, errors: Path | None, *, or_count: bool = False) -> None:
        self.path, self.count = errors, 0
        self.reasons: Counter[str] = Counter()
        self._or_count = or_count
        self._file: IO[str] | None = None
        self._writer: Any = None
        self._lock = threading.Lock()
        if errors is not None:
            with self._attempted(errors):
                _check(errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        elif self.path is not None and kind is None:
            with self._attempted(self.path):
                self.path.unlink(missing_ok=True)

    def add(self, name: str, error: VisopError) -> None:
        """Add a failed input; it is in the file when this returns, even if the process dies."""
        with self._lock:
            self.count += 1
            self.reasons[str(error)] += 1
            if self.path is not None:
                with self._attempted(self.path):
                    self._write(self.path, error_row(name, code_of(error).name, str(error)))

    def _write(self, path: Path, row: tuple[str, str, str]) -> None:
        if self._file is None:
            self._file = open(path, "w", encoding="utf-8", errors="surrogateescape", newline="")  # noqa: SIM115
            self._writer = csv.writer(self._file, lineterminator="\n")
            self._writer.writerow(("input", "code", "reason"))
        self._writer.writerow(row)
        self._file.flush()

    @contextmanager
    def _attempted(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._or_count:
                raise UsageError("errors", path, error.strerror or str(error)) from None
            _log.warning("%s: %s; inputs that cannot be indexed are only counted", path, error.strerror)
            self.path = None


def default_list(uri: str, index: str) -> Path:
    """Return where the failures of an index are listed if nothing else is said: ``visop.pictures.errors.csv``.

    It is beside the file of the index, or in the working folder and named for the server, so that two indexes of one
    name do not replace each other's.
    """
    file = file_of(uri)
    place = (
        file.with_suffix("") if file else Path(re.sub(r"[^\w.-]+", "-", shown_uri(uri).partition("://")[2]).strip("-"))
    )
    return place.with_name(f"{place.name}.{index}.errors.csv")


def _check(path: Path) -> None:
    """Find out before the run whether the file can be written, and that it replaces nothing but a list of errors."""
    if path.is_dir() or not path.parent.is_dir():
        raise OSError(errno.EISDIR, "must be a file in a folder that is there")
    if path.exists() and not is_list_of_errors(path):
        raise OSError(errno.EEXIST, "is there already and no list of errors; take another name")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OSError(errno.EACCES, "cannot be written; mind owner and mode")
