"""Calls of an operator's own code from the threads that serve everybody, and whether one of them hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# How much longer than a call may take its preparation may, before it counts as hanging.
_GRACE_S = 1.0


class Returning:
    """Sees that ``preprocess`` and ``postprocess`` return: no thread can be ended from outside.

    Args:
        limit_s: how long one may take.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._running: dict[tuple[int, str], float] = {}  # since when, by thread and name

    @contextmanager
    def expected(self, name: str) -> Iterator[None]:
        """Around one call of the function of that name."""
        key = threading.get_ident(), name
        self._running[key] = time.monotonic()
        try:
            yield
        finally:
            del self._running[key]

    def trouble(self) -> str | None:
        """Which function hangs, or None."""
        latest = time.monotonic() - self._limit_s - _GRACE_S
        hanging = next((name for (_, name), since in list(self._running.items()) if since < latest), None)
        return f"{hanging} has not returned for {self._limit_s:g} s" if hanging else None
