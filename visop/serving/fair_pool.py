"""Threads that work for several callers in turn, so that a caller with much work does not hold up the others."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

Work = Callable[[], object]


@dataclass(frozen=True)
class Caller:
    """For whom work is done.

    Attributes:
        peer: from where it came, such as an IP address; peers take turns.
        call: tells the calls of one peer apart; they take turns, too.
    """

    peer: str = ""
    call: int = 0


class FairPool:
    """A pool of threads whose queue is served round robin: by peer, then by the calls of the peer, then in order.

    Args:
        threads: how many; each is started when it is needed first.
        name: of the threads.
        most_per_peer: threads that one peer may have at once; None is all of them.
    """

    def __init__(self, threads: int, name: str, most_per_peer: int | None = None) -> None:
        self._size, self._name = threads, name
        self._most_per_peer = most_per_peer or threads
        self._changed = threading.Condition()
        self._waiting: OrderedDict[str, OrderedDict[int, deque[Work]]] = OrderedDict()
        self._working: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []
        self._idle = self._unclaimed = 0
        self._closed = False

    def submit(self, caller: Caller, work: Work) -> None:
        """Have ``work`` done; it must not raise.

        Raises:
            RuntimeError: the pool is closed.
        """
        with self._changed:
            if self._closed:
                raise RuntimeError("the pool is closed")
            self._waiting.setdefault(caller.peer, OrderedDict()).setdefault(caller.call, deque()).append(work)
            self._unclaimed += 1
            # A thread that was woken counts as idle until it runs, and takes one work only.
            if self._unclaimed > self._idle and len(self._threads) < self._size:
                self._start_thread()
            else:
                self._changed.notify()

    def close(self, timeout_s: float) -> None:
        """Take no more work, and return when all that was handed in is done, or after ``timeout_s``. Idempotent.

        Work that hangs keeps its thread, which does not keep the process.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        ends = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, ends - time.monotonic()))

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name=f"{self._name}_{len(self._threads)}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _serve(self) -> None:
        while (task := self._next()) is not None:
            peer, work = task
            try:
                work()
            finally:
                with self._changed:
                    self._working[peer] -= 1
                    if not self._working[peer]:
                        del self._working[peer]
                    self._changed.notify()  # its peer may have been at its limit
            del task, work  # so that nothing is kept while waiting for the next one

    def _next(self) -> tuple[str, Work] | None:
        with self._changed:
            self._idle += 1
            try:
                while (peer := self._turn()) is None:
                    if self._closed and not self._waiting:
                        self._changed.notify_all()
                        return None
                    self._changed.wait()
                return peer, self._take(peer)
            finally:
                self._idle -= 1

    def _turn(self) -> str | None:
        """The peer that is served next; None if nothing is waiting, or only peers that have all their threads."""
        return next((peer for peer in self._waiting if self._working[peer] < self._most_per_peer), None)

    def _take(self, peer: str) -> Work:
        """The next work of a peer, which goes to the end of the line, as its call does."""
        calls = self._waiting.pop(peer)
        call, works = calls.popitem(last=False)
        work = works.popleft()
        self._unclaimed -= 1
        if works:
            calls[call] = works
        if calls:
            self._waiting[peer] = calls
        self._working[peer] += 1
        return work
