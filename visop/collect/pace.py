"""Limit the rate of requests to each host."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Waits before a request until the last one to the same host is long enough ago.

    Args:
        interval_s: least time between the starts of two requests to one host, in seconds.
        clock: seconds, monotonic.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        interval_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._interval_s, self._clock, self._sleep = interval_s, clock, sleep
        self._asked_at: dict[str, float] = {}
        self._held_until: dict[str, float] = {}

    def wait(self, host: str, least_s: float = 0.0) -> None:
        """Wait until a host may be asked again; ``least_s`` is what it asks for, and counts if longer."""
        if host in self._asked_at:
            ends = self._asked_at[host] + max(self._interval_s, least_s)
            left_s = max(ends, self._held_until.get(host, ends)) - self._clock()
            if left_s > 0:
                self._sleep(left_s)
        self._asked_at[host] = self._clock()

    def hold(self, host: str, seconds: float) -> None:
        """Let the next ``wait`` for a host, which was asked before, wait for at least this long from now."""
        self._held_until[host] = self._clock() + seconds
