"""Threads that work for several callers in turn, so that a caller with much work does not hold up the others.

Bulk work comes behind what somebody waits for, and leaves a thread to that, so that a call does not even wait for what
was begun; it is never at a standstill either.
"""

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
        bulk: whether others go first, for whom somebody waits.
    """

    peer: str = ""
    call: int = 0
    bulk: bool = False


@dataclass(frozen=True)
class _Turn:
    """Of whom the next work is, and for which host."""

    peer: str
    call: int
    host: str
    bulk: bool


# What waits, in the order of its turns: by peer, by call, by host.
_Line = OrderedDict[str, OrderedDict[int, OrderedDict[str, deque[Work]]]]

# After so many works that bulk work waited for, it comes first.
_MOST_PASSED = 3


class FairPool:
    """A pool of threads whose queue is served round robin: by peer, by the calls of the peer, by host, then in order.

    Args:
        threads: how many; each is started when it is needed first.
        name: of the threads.
        most_per_peer: threads that one peer may have at once; None is all of them.
        most_per_host: threads that may wait for one host at once; None is all of them.
        most_bulk: threads that bulk work may have at once; None is all of them.
    """

    def __init__(
        self,
        threads: int,
        name: str,
        *,
        most_per_peer: int | None = None,
        most_per_host: int | None = None,
        most_bulk: int | None = None,
    ) -> None:
        self._size, self._name = threads, name
        self._most_per_peer, self._most_per_host = most_per_peer or threads, most_per_host or threads
        self._most_bulk = most_bulk or threads
        self._changed = threading.Condition()
        self._first: _Line = OrderedDict()
        self._bulk: _Line = OrderedDict()
        self._passed = self._bulk_now = 0
        self._of_peer: Counter[str] = Counter()
        self._at_host: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []
        self._idle = self._unclaimed = 0
        self._closed = False

    def submit(self, caller: Caller, work: Work, host: str = "") -> None:
        """Have ``work`` done; it must not raise.

        Args:
            caller: for whom.
            work: what to call.
            host: what the work waits for, such as a server elsewhere; empty if it waits for none.

        Raises:
            RuntimeError: the pool is closed.
        """
        with self._changed:
            if self._closed:
                raise RuntimeError("the pool is closed")
            line = self._bulk if caller.bulk else self._first
            hosts = line.setdefault(caller.peer, OrderedDict()).setdefault(caller.call, OrderedDict())
            hosts.setdefault(host, deque()).append(work)
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
            turn, work = task
            try:
                work()
            finally:
                with self._changed:
                    _count(self._of_peer, turn.peer, -1)
                    _count(self._at_host, turn.host, -1)
                    self._bulk_now -= turn.bulk
                    self._changed.notify()  # its peer or its host may have been at the limit
            del task, work  # so that nothing is kept while waiting for the next one

    def _next(self) -> tuple[_Turn, Work] | None:
        with self._changed:
            self._idle += 1
            try:
                while (turn := self._turn()) is None:
                    if self._closed and not self._first and not self._bulk:
                        self._changed.notify_all()
                        return None
                    self._changed.wait()
                return turn, self._take(turn)
            finally:
                self._idle -= 1

    def _turn(self) -> _Turn | None:
        """What is served next; None if nothing waits, or only what has all the threads that it may have."""
        bulk = self._turn_of(self._bulk, bulk=True) if self._bulk_now < self._most_bulk else None
        if bulk is not None and self._passed >= _MOST_PASSED:
            return bulk
        return self._turn_of(self._first, bulk=False) or bulk

    def _turn_of(self, line: _Line, *, bulk: bool) -> _Turn | None:
        return next(
            (
                _Turn(peer, call, host, bulk)
                for peer, calls in line.items()
                if self._of_peer[peer] < self._most_per_peer
                for call, hosts in calls.items()
                for host in hosts
                if not host or self._at_host[host] < self._most_per_host
            ),
            None,
        )

    def _take(self, turn: _Turn) -> Work:
        """The next work; its host, its call and its peer go to the end of their lines."""
        self._passed = 0 if turn.bulk else self._passed + bool(self._bulk)
        self._bulk_now += turn.bulk
        line = self._bulk if turn.bulk else self._first
        calls = line.pop(turn.peer)
        hosts = calls.pop(turn.call)
        works = hosts.pop(turn.host)
        work = works.popleft()
        self._unclaimed -= 1
        if works:
            hosts[turn.host] = works
        if hosts:
            calls[turn.call] = hosts
        if calls:
            line[turn.peer] = calls
        _count(self._of_peer, turn.peer, 1)
        _count(self._at_host, turn.host, 1)
        return work


def _count(counts: Counter[str], name: str, change: int) -> None:
    """Count, and forget the names that hold nothing, because callers choose them."""
    counts[name] += change
    if not counts[name]:
        del counts[name]
