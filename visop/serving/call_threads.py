"""Threads of calls that wait for a message: these make room for others, or end when their time is up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock

from visop.serving.incoming import IncomingCall


class CallThreads:
    """Threads for calls. When all are taken, a new one gets that of a call that has sent nothing.

    Args:
        count: how many.
        name: of the threads.
        timeout_s: how long a call may wait for its message, in seconds.
    """

    def __init__(self, count: int, name: str, timeout_s: float) -> None:
        self.pool = ThreadPoolExecutor(count, name)
        self._count, self._timeout_s = count, timeout_s
        self._lock = Lock()
        self._taken = 0
        self._waiting: dict[IncomingCall, float] = {}  # since when, the longest first
        self._streams: dict[IncomingCall, None] = {}  # that wait for a further message, the longest first

    def take(self) -> bool:
        """Count a call that came; False if all threads have work, so that it is to be refused."""
        with self._lock:
            silent = self._least_needed() if self._taken >= self._count else None
            if self._taken >= self._count and silent is None:
                return False
            self._taken += 1
            if silent is not None:
                self._waiting.pop(silent, None)
                self._streams.pop(silent, None)
        if silent is not None:
            silent.end("nothing was sent, and other calls need the thread; send it again")
        return True

    def leave(self) -> None:
        """Take note that a call that was counted is over."""
        with self._lock:
            self._taken -= 1

    @contextmanager
    def waiting(self, call: IncomingCall) -> Iterator[None]:
        """Let a call be ended until its message is there."""
        with self._lock:
            self._waiting[call] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._waiting.pop(call, None)

    @contextmanager
    def waiting_again(self, stream: IncomingCall) -> Iterator[None]:
        """Let a stream be ended while it has no work, until its next message is there."""
        with self._lock:
            self._streams[stream] = None
        try:
            yield
        finally:
            with self._lock:
                self._streams.pop(stream, None)

    def end_late(self) -> None:
        """End the calls that have waited for too long. To be called now and then."""
        since = time.monotonic() - self._timeout_s
        with self._lock:
            late = [call for call, began in self._waiting.items() if began < since]
            for call in late:
                del self._waiting[call]
        for call in late:
            call.end(f"no message came in {self._timeout_s:g} s")

    def _least_needed(self) -> IncomingCall | None:
        """The one that has waited longest of the peer of which most wait; streams only if nothing else waits."""
        waiting = list(self._waiting) or [stream for stream in self._streams if stream.is_idle]
        counts = Counter(call.peer for call in waiting)
        return max(waiting, key=lambda call: counts[call.peer], default=None)
