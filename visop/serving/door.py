"""The one door to the model, for both faces: how many calls are served at once, and whether new ones are taken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from visop.errors import Overloaded, ShuttingDown


class Door:
    """Counts the calls being served; once closed, it lets those finish and nobody else in."""

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
        """Say whether a call that came now would be let in, before anything is spent on it.

        Raises:
            ShuttingDown: the door is closed.
            Overloaded: too many calls are being served.
        """
        if self._closed:
            raise draining()
        if self._accepted >= self._max_calls:
            raise Overloaded(f"{self._accepted} calls are being served, which is the limit")

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Serve one call inside. Raises as ``check`` does."""
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
