"""The inputs that could not be indexed, as a CSV file that is there only if there are any."""

from __future__ import annotations

import csv
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from opkit.errors import OperatorError, SettingsError


class Failures:
    """A context manager. Rows are input, code, reason, as those of ``opkit encode``.

    Args:
        path: what an earlier run wrote there is replaced; None only counts.

    Attributes:
        count: how many there are.
    """

    def __init__(self, path: Path | None) -> None:
        self.path, self.count = path, 0
        self._file: IO[str] | None = None
        self._writer: Any = None
        self._lock = threading.Lock()
        if path is not None:
            self._check(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, name: str, error: OperatorError) -> None:
        """Write one down, safe against the death of this process."""
        with self._lock:
            self.count += 1
            if self.path is None:
                return
            if self._file is None:
                self._file = open(self.path, "w", encoding="utf-8", errors="surrogateescape", newline="")  # noqa: SIM115
                self._writer = csv.writer(self._file, lineterminator="\n")
                self._writer.writerow(("input", "code", "reason"))
            self._writer.writerow((name, error.code.name, str(error)))
            self._file.flush()

    @staticmethod
    def _check(path: Path) -> None:
        """Find out before the work what would fail in it; forget what an earlier run wrote."""
        if path.is_dir() or not path.parent.is_dir():
            raise SettingsError(f"--errors {path}: must be a file in a folder that is there")
        try:
            with suppress(FileNotFoundError):
                path.unlink()
        except OSError as error:
            raise SettingsError(f"--errors {path}: {error.strerror}") from None
