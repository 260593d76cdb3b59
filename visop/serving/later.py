"""Answers that are sent from a thread of their own, for methods that send them while they hold a lock.

The health service of gRPC does: its lock is taken again when a call ends, in the thread that would have to note that
the answer was sent. One client that leaves at the wrong moment, or does not read, would stop the whole server.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class SendLater:
    """Sends the answers of one call in order. Calling it never waits.

    Args:
        pool: of the threads that send.
        send: sends one answer, and returns once it is sent, or the call is over.
    """

    def __init__(self, pool: ThreadPoolExecutor, send: Callable[[Any], object]) -> None:
        self._pool, self._send = pool, send
        self._lock = threading.Lock()
        self._answers: deque[Any] = deque()
        self._is_sending = False

    def __call__(self, answer: Any) -> None:
        """Send an answer after those before it."""
        with self._lock:
            self._answers.append(answer)
            if self._is_sending:
                return
            self._is_sending = True
        self._pool.submit(self._send_all)

    def _send_all(self) -> None:
        while (answer := self._next()) is not None:
            self._send(answer)

    def _next(self) -> Any:
        with self._lock:
            self._is_sending = bool(self._answers)
            return self._answers.popleft() if self._answers else None
