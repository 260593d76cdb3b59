"""The bytes of one call in hand: of its requests until they are answered, and of the answer that is being sent."""

from __future__ import annotations

import threading
from collections import deque

from visop.serving.bytes_in_flight import BytesInFlight
from visop.serving.incoming import IncomingCall


class Held:
    """Counts what is held for a call, whose requests are answered in order.

    Args:
        in_flight: the bytes of all calls.
        call: which one.
    """

    def __init__(self, in_flight: BytesInFlight, call: IncomingCall) -> None:
        self._in_flight, self._call, self._peer = in_flight, call, call.peer
        self._lock = threading.Lock()
        self._requests: deque[int] = deque()
        self._answer = 0
        self._closed = False

    def received(self, size: int) -> None:
        """Hold a request of so many bytes."""
        with self._lock:
            if not self._closed:
                self._requests.append(size)
                self._call.is_idle = False
                self._in_flight.add(self._peer, size)

    def answered(self, size: int) -> None:
        """Hold an answer in place of the request that is first."""
        with self._lock:
            if not self._closed:
                self._in_flight.add(self._peer, size - self._requests.popleft())
                self._answer = size

    def sent(self) -> None:
        """Let go of the answer."""
        with self._lock:
            self._in_flight.add(self._peer, -self._answer)
            self._answer, self._call.is_idle = 0, not self._requests

    def close(self) -> None:
        """Let go of all, and hold nothing any more."""
        with self._lock:
            self._in_flight.add(self._peer, -self._answer - sum(self._requests))
            self._requests.clear()
            self._answer, self._closed = 0, True
