"""Milvus Lite with a gRPC server, for this process and for others of the same user."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc

from visop.search.milvus.errors import of_text
from visop.search.milvus.library import MilvusLite, MilvusServicer, add_milvus_servicer
from visop.search.milvus.local_socket import claim_link, lead, socket_of
from visop.search.milvus.turns import TakeTurns, Turns

_log = logging.getLogger(__name__)

# Calls at once, those included that wait for their turn.
_THREADS = 16

# How long calls that are under way may take when the server stops; it takes no longer than they do.
_STOP_S = 10.0

_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # pymilvus asks an idle connection every 10 s whether it still is there. gRPC allows that once in 5 minutes unless
    # it is told, and ends the connection ("too_many_pings") of whoever asks more often.
    ("grpc.http2.max_ping_strikes", 0),
]


class _Database(MilvusLite):  # type: ignore[misc]  # it has no types
    """Milvus Lite, which opens a collection once, even if two threads ask for it at the same time."""

    def __init__(self, data_dir: str) -> None:
        self._opening = threading.RLock()
        super().__init__(data_dir)

    def get_collection(self, *arguments: Any, **named: Any) -> Any:
        with self._opening:
            return super().get_collection(*arguments, **named)


class LiteServer:
    """A Milvus Lite file that this process has opened, and serves.

    Args:
        path: of the file, made if it is not there.
        link: that others know already; None takes the one that belongs to the file.

    Attributes:
        address: for pymilvus.

    Raises:
        DataDirLockedError: another process has it open.
        OSError: it cannot be written or read.
    """

    def __init__(self, path: Path, link: Path | None = None) -> None:
        self._path, self._turns = path, Turns()
        self._database = _Database(str(path))
        try:
            self._server = grpc.server(
                ThreadPoolExecutor(_THREADS, "milvus-lite"), interceptors=[TakeTurns(self._turns)], options=_OPTIONS
            )
            add_milvus_servicer(MilvusServicer(self._database), self._server)
            self._link = link or _claimed(path)
            self.address = self._listen()
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Let the calls under way end, and write what is only in memory.

        A full disk shows here, too; what cannot be written stays in Milvus's journal.
        """
        if self._link is not None:
            with suppress(OSError):
                self._link.unlink()
        self._server.stop(_STOP_S).wait()
        with self._turns.writing():
            try:
                self._database.close()
            except RuntimeError:  # at the end of the interpreter, threads can no longer be started; its journal has all
                return
            except OSError as error:
                raise of_text(f"[Errno {error.errno}] {error.strerror}", str(self._path)) from None

    def _listen(self) -> str:
        """Listen where others find it; if there is no place for a socket, at a port for this process."""
        if self._link is not None:
            socket = socket_of(self._link)
            try:
                self._server.add_insecure_port(address_of(socket))
            except RuntimeError as error:
                _log.warning("%s cannot be shared with other processes: %s", self._path, error)
                self._link = None
            else:
                socket.chmod(0o600)
                self._server.start()
                lead(self._link, socket)
                return address_of(self._link)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return f"http://127.0.0.1:{port}"


def address_of(socket: Path) -> str:
    """Return the address of a socket for gRPC."""
    return f"unix:{quote(str(socket))}"


def _claimed(path: Path) -> Path | None:
    try:
        return claim_link(path)
    except OSError as error:
        _log.warning("%s cannot be shared with other processes: %s", path, error)
        return None
