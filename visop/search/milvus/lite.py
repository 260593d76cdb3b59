"""Open a Milvus Lite file: a folder that is called NAME.db, which one process at a time can open.

That process serves it to others, so that several can use it at once. When it ends, one of them opens the file, and the
calls of all others go on there: gRPC holds them back meanwhile.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from visop.search.errors import StoreUnreachable
from visop.search.milvus.errors import of_text
from visop.search.milvus.library import DataDirLockedError
from visop.search.milvus.lite_server import LiteServer, address_of
from visop.search.milvus.local_socket import answers, find_link

_log = logging.getLogger(__name__)

# How long to wait for a process that is just opening or closing the file.
_WAIT_S = 10.0
_POLL_S = 0.1

# Milvus Lite only warns of rows that are lost, with this.
_LOSS = "manifest references missing"

#: An interval of gRPC that is off.
NEVER_MS = 2**31 - 1

#: Options of a channel to a file. A call that meets no server waits for the next one, and one whose server dies is sent
#: again: what we call may be done twice. (https://github.com/grpc/proposal/blob/master/A6-client-retries.md)
CHANNEL: Mapping[str, Any] = {
    "grpc.service_config": json.dumps(
        {
            "methodConfig": [
                {
                    "name": [{}],
                    "waitForReady": True,
                    "retryPolicy": {
                        "maxAttempts": 5,
                        "initialBackoff": "0.05s",
                        "maxBackoff": "1s",
                        "backoffMultiplier": 2,
                        "retryableStatusCodes": ["UNAVAILABLE"],
                    },
                }
            ]
        }
    ),
    # A call that is larger is not sent again.
    "grpc.per_rpc_retry_buffer_size": 64 << 20,
    "grpc.initial_reconnect_backoff_ms": 50,
    "grpc.min_reconnect_backoff_ms": 50,
    "grpc.max_reconnect_backoff_ms": 200,
    # The system says when a process on this machine has died.
    "grpc.keepalive_time_ms": NEVER_MS,
}


class LossLog(logging.Handler):
    """A log handler that keeps what Milvus Lite says about lost data."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message if it is about a loss."""
        if (message := record.getMessage()).startswith(_LOSS):
            self.messages.append(message)


class LiteFile:
    """A Milvus Lite file that this process serves, or that another one serves to it.

    Attributes:
        address: for pymilvus; stays the same when another process takes over.
    """

    def __init__(self, path: Path, wait_s: float) -> None:
        self._path = path
        self._closing = threading.Event()
        self._successor: threading.Thread | None = None
        self._server = self._opened()
        until = time.monotonic() + wait_s
        while self._server is None:
            link = find_link(path)
            if link is not None and answers(link):
                self._attach(link)
                return
            if time.monotonic() > until:
                raise _locked(path)
            time.sleep(_POLL_S)
            self._server = self._opened()
        self.address = self._server.address

    def close(self) -> None:
        """Close the file, or leave it to the process that has it open."""
        self._closing.set()
        if self._successor is not None:
            self._successor.join()
        if self._server is not None:
            self._server.close()

    def _attach(self, link: Path) -> None:
        self.address = address_of(link)
        self._successor = threading.Thread(target=self._succeed, args=(link,), name="visop-successor", daemon=True)
        self._successor.start()

    def _succeed(self, link: Path) -> None:
        """Open the file when the process that has it open ends."""
        while self._server is None and not self._closing.wait(_POLL_S):
            if not self._path.exists():  # opening would make it
                return
            try:
                self._server = self._opened(link)
            except Exception as error:  # noqa: BLE001 - whatever it is, calls go on waiting until their time is up
                _log.warning("%s cannot be opened in place of the process that ended: %s", self._path, error)
                return
        if self._server is not None:
            _log.info("%s: the process that had it open ended; this one has it open now", self._path)

    def _opened(self, link: Path | None = None) -> LiteServer | None:
        """Open the file; None if another process has it open."""
        try:
            return LiteServer(self._path, link)
        except DataDirLockedError:
            return None
        except OSError as error:
            raise of_text(f"[Errno {error.errno}] {error.strerror}", str(self._path)) from None


@contextmanager
def open_lite(path: Path, *, wait_s: float = _WAIT_S) -> Iterator[tuple[LiteFile, LossLog]]:
    """Open a Milvus Lite file, made if it is not there, or use it through the process that has it open.

    Opened here and not by ``MilvusClient(path)``, which keeps the reason of an error to itself and the file locked
    until this process ends.

    Args:
        path: of the file.
        wait_s: how long to wait if another process has it open and does not answer.

    Raises:
        StoreUnreachable: it is open elsewhere, and not to be used from here.
        StoreReadOnly: it cannot be written.
        StoreDamaged: it cannot be read.
    """
    log = LossLog()
    logger = logging.getLogger("milvus_lite.engine.recovery")
    logger.addHandler(log)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    try:
        file = LiteFile(path, wait_s)
        try:
            yield file, log
        finally:
            file.close()
    finally:
        logger.removeHandler(log)


def _locked(path: Path) -> StoreUnreachable:
    return StoreUnreachable(
        f"{path} is open in another process that does not share it: one on another machine or in another container, of "
        "another user, of an earlier version, or one that is just ending. Wait for it or stop it. Several machines can "
        "share a Milvus server, whose URI is http://HOST:19530"
    )
