"""Run Milvus Lite: Milvus in this process, with its data in a folder that is called NAME.db."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from visop.errors import UsageError
from visop.search.errors import StoreUnreachable
from visop.search.milvus.errors import damaged, of_text
from visop.search.milvus.library import DataDirLockedError, start_server_in_thread

_STOP_S = 2.0

# Milvus Lite only warns of rows that are lost, with this.
_LOSS = "manifest references missing"


class LossLog(logging.Handler):
    """A log handler that keeps what Milvus Lite says about lost data."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message if it is about a loss."""
        if (message := record.getMessage()).startswith(_LOSS):
            self.messages.append(message)


def write_lock() -> AbstractContextManager[object]:
    """Make the lock under which rows of a Milvus Lite are written and counted.

    Its journal is not made for two threads at once, and fails with "current_seq is monotonic" or worse. A server needs
    no such lock.
    """
    return threading.Lock()


@contextmanager
def serve_lite(path: Path) -> Iterator[tuple[str, LossLog]]:
    """Open a Milvus Lite file, made if it is not there; yields an address for pymilvus.

    Started here and not by ``MilvusClient(path)``, which keeps the reason of a failure to itself and the file locked
    until this process ends.

    Raises:
        UsageError: there is no such folder to put it in, or the path is a file of an older Milvus Lite.
        StoreUnreachable: it is open elsewhere.
        StoreReadOnly: it cannot be written.
        StoreDamaged: it cannot be read.
    """
    log = LossLog()
    logger = logging.getLogger("milvus_lite.engine.recovery")
    logger.addHandler(log)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        server, database, port = _start(path)
        try:
            yield f"http://127.0.0.1:{port}", log
        finally:
            server.stop(_STOP_S).wait()
            _close(database, path)
    finally:
        logger.removeHandler(log)


def _start(path: Path) -> tuple[Any, Any, int]:
    if not path.parent.is_dir():
        raise UsageError("uri", path, f"there is no folder {path.parent}")
    if path.is_file():
        raise damaged(str(path), "a file and not a folder, so not Milvus Lite 3; those of version 2 cannot be read")
    try:
        started: tuple[Any, Any, int] = start_server_in_thread(str(path))
    except DataDirLockedError:
        raise StoreUnreachable(
            f"{path} is open in another process (perhaps `visop run`, or another run), and Milvus Lite is for one at "
            "a time: wait for it or stop it, or run a Milvus server, whose URI is http://HOST:19530"
        ) from None
    except OSError as error:
        raise of_text(f"[Errno {error.errno}] {error.strerror}", str(path)) from None
    return started


def _close(database: Any, path: Path) -> None:
    """Write what is only in memory. A full disk shows here, too; what cannot be written stays in Milvus's journal."""
    try:
        database.close()
    except RuntimeError:  # at the end of the interpreter, threads can no longer be started; its journal has all
        return
    except OSError as error:
        raise of_text(f"[Errno {error.errno}] {error.strerror}", str(path)) from None
