"""One lock for the threads of all processes that use the same file, and a number that tells them of changes."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from pathlib import Path
from typing import Self

_log = logging.getLogger(__name__)

_WAITING = "%s: waiting for another process, which is changing the index or builds one over its vectors"

_DIGITS = 20


class ProcessLock:
    """A context manager, which the thread that is in it may enter again. The death of a process lets go of it.

    Args:
        path: of the file that stands for the lock, made if it is not there; None: among the threads of this process.
        patience_s: after how long a wait for another process is told in the log.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path | None = None, *, patience_s: float = 10.0) -> None:
        self._path, self._patience_s = path, patience_s
        self._threads = threading.RLock()
        self._depth = 0
        # flock, and not fcntl's locks of records: those are lost when any descriptor of the file is closed.
        self._file = None if path is None else os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> Self:
        self._threads.acquire()
        try:
            if self._depth == 0 and self._file is not None:
                self._wait(self._file)
            self._depth += 1
        except BaseException:
            self._threads.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def _wait(self, file: int) -> None:
        """Wait until no other process is in it; if that takes long, say why nothing happens."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = threading.Timer(self._patience_s, _log.warning, [_WAITING, self._path])
            told.daemon = True
            told.start()
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            finally:
                told.cancel()

    def note_change(self) -> None:
        """Tell all processes that they have to look again at what they remember."""
        with self:
            if self._file is not None:
                os.pwrite(self._file, str(self.changes() + 1).encode(), 0)

    def changes(self) -> int:
        """Return how many changes were noted in the file so far; 0 without one."""
        return int(os.pread(self._file, _DIGITS, 0) or b"0") if self._file is not None else 0

    def close(self) -> None:
        """Close the file; from then on the lock is one among threads. Idempotent."""
        with self._threads:
            file, self._file = self._file, None
            if file is not None:
                os.close(file)
