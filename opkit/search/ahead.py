"""Work done in threads, in order, a bounded number of steps ahead of whoever takes the results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[In], Out], items: Iterable[In], ahead: int
) -> Iterator[tuple[In, Out]]:
    """``map`` in the threads of a pool; with each result, what it came from.

    Args:
        pool: whose threads call ``work``.
        work: may raise, which ends the iteration.
        items: taken in the thread that takes the results.
        ahead: how many are under way at most.
    """
    waiting: deque[tuple[In, Future[Out]]] = deque()
    for item in items:
        waiting.append((item, pool.submit(work, item)))
        if len(waiting) == ahead:
            first, future = waiting.popleft()
            yield first, future.result()
    for item, future in waiting:
        yield item, future.result()


def one_ahead(thread: ThreadPoolExecutor, items: Iterator[Out]) -> Iterator[Out]:
    """The items, each made in another thread while the one before it is used.

    Args:
        thread: a pool of one worker.
        items: none of them is None.
    """
    coming = thread.submit(next, items, None)
    while (item := coming.result()) is not None:
        coming = thread.submit(next, items, None)
        yield item
