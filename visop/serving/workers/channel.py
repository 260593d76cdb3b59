"""One end of the pair of sockets between the front process and a worker."""

from __future__ import annotations

import queue
import threading
from multiprocessing.connection import Connection
from typing import Any


class Channel:
    """Sends in the thread that calls, and so may wait for the other side to read.

    Args:
        connection: to the other side.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, threading.Lock()

    def send(self, message: Any) -> None:
        """Send a message. Raises OSError if the other side is gone."""
        with self._lock:
            self._connection.send(message)

    def receive(self) -> Any:
        """Wait for a message. Raises EOFError or OSError if the other side is gone."""
        return self._connection.recv()

    def close(self) -> None:
        """Let go of the socket. Idempotent."""
        self._connection.close()


class Sender:
    """Sends in a thread of its own, so that nobody waits for a worker that does not read.

    What is said to a worker that is gone is forgotten: the end of the worker is noticed where its messages are read.

    Args:
        channel: to the worker.
        name: of the thread.
    """

    def __init__(self, channel: Channel, name: str) -> None:
        self._channel = channel
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def send(self, message: Any) -> None:
        """Send a message soon. Does not wait."""
        self._messages.put(message)

    def close(self) -> None:
        """Send nothing any more. For a worker that is gone, to which nothing can be waited for."""
        self._messages.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (message := self._messages.get()) is not None:
            try:
                self._channel.send(message)
            except OSError:
                return
            del message  # which may be large, while there is no other
