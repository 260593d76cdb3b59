"""Work ahead of whoever takes the results: in order, and a bounded number of steps at most."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")
Started = TypeVar("Started")


def started_ahead(start: Callable[[In], Started], items: Iterable[In], ahead: int) -> Iterator[tuple[In, Started]]:
    """Start work on each item, and hand over what was started, oldest first, to be waited for.

    Args:
        start: begins the work and does not wait for it; returns such as a future.
        items: taken as work is started; may be endless.
        ahead: how many are started before the oldest is handed over, from 1.
    """
    waiting: deque[tuple[In, Started]] = deque()
    for item in items:
        waiting.append((item, start(item)))
        if len(waiting) >= ahead:
            yield waiting.popleft()
    while waiting:
        yield waiting.popleft()


# Work that takes less is done by whoever takes the results: threads that hand it over and fight for the interpreter
# cost more than it does (a small file from a fast disk takes 0.04 ms alone, and 0.2 ms of CPU among eight threads).
_QUICK_S = 0.0005

# Work that takes less than this, but is not quick, may only have waited for the interpreter: it counts as slow only if
# half of the last items took as long.
_SLOW_S = 0.02
_WEIGHT = 1 / 8


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[In], Out], items: Iterable[In], ahead: int
) -> Iterator[tuple[In, Out]]:
    """Map items in the threads of a pool, and yield each with its result; quick work is done by the caller instead.

    Args:
        pool: whose threads call ``work``.
        work: may raise, which ends the iteration.
        items: taken in the thread that takes the results.
        ahead: how many items are under way at most.
    """
    waiting: deque[tuple[In, Future[tuple[Out, float]]]] = deque()
    slow = 1.0  # how many of the last ones were slow, from 0 to 1
    for item in items:
        waiting.append((item, _done(work, item) if slow < 0.5 else pool.submit(_timed, work, item)))
        while len(waiting) >= ahead or (waiting and waiting[0][1].done()):
            first, future = waiting.popleft()
            result, took_s = future.result()
            slow = 1.0 if took_s > _SLOW_S else slow + ((took_s > _QUICK_S) - slow) * _WEIGHT
            yield first, result
    for item, future in waiting:
        yield item, future.result()[0]


def _timed(work: Callable[[In], Out], item: In) -> tuple[Out, float]:
    started = time.perf_counter()
    return work(item), time.perf_counter() - started


def _done(work: Callable[[In], Out], item: In) -> Future[tuple[Out, float]]:
    future: Future[tuple[Out, float]] = Future()
    try:
        future.set_result(_timed(work, item))
    except Exception as error:  # noqa: BLE001 - raised where its result would be, as from a thread
        future.set_exception(error)
    return future


def one_ahead(thread: ThreadPoolExecutor, items: Iterator[Out]) -> Iterator[Out]:
    """Yield the items, making each in another thread while the one before it is in use.

    Args:
        thread: a pool of one worker.
        items: none of them is None.
    """
    coming = thread.submit(next, items, None)
    while (item := coming.result()) is not None:
        coming = thread.submit(next, items, None)
        yield item
