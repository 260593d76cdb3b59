"""How much is served at once: calls, and the inputs of all calls together. What is over a limit is refused at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from visop.errors import Overloaded, ShuttingDown


class CallAdmission:
    """Counts the calls being served, over every protocol. Once closed, those finish and new ones are refused."""

    def __init__(self, max_calls: int) -> None:
        self._max_calls = max_calls
        self._lock = threading.Lock()
        self._accepted = 0
        self._closed = False

    @property
    def accepted(self) -> int:
        """Calls and streams that are being served now."""
        return self._accepted

    @property
    def closed(self) -> bool:
        """Whether the operator is draining."""
        return self._closed

    def close(self) -> None:
        """Refuse new calls from now on."""
        with self._lock:
            self._closed = True

    def check(self) -> None:
        """Say whether a call that came now would be served, before anything is spent on it.

        Raises:
            ShuttingDown: the operator is draining.
            Overloaded: too many calls are being served.
        """
        if self._closed:
            raise draining()
        if self._accepted >= self._max_calls:
            raise Overloaded(f"{self._accepted} calls are being served, which is the limit")

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Count one call while it is served. Raises as ``check`` does."""
        with self._lock:
            self.check()
            self._accepted += 1
        try:
            yield
        finally:
            with self._lock:
                self._accepted -= 1


def draining() -> ShuttingDown:
    """What callers are told while the operator drains."""
    return ShuttingDown("the operator is shutting down; send the rest again")


class InputAdmission:
    """Counts the inputs being served, over all calls, each from its arrival to its result."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._inside = 0
        self._changed = threading.Condition()

    @property
    def inside(self) -> int:
        """Inputs that are being served now."""
        return self._inside

    def enter(self, count: int, timeout_s: float = 0.0) -> None:
        """Admit ``count`` inputs, all or none, waiting up to ``timeout_s`` for room.

        Raises:
            Overloaded: there was no room in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._inside + count <= self.capacity, timeout_s):
                raise Overloaded(f"{self._inside} inputs are being served, the limit is {self.capacity}")
            self._inside += count

    def leave(self) -> None:
        """Take note that one input has its result, or its error."""
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()
