"""Have running operators work on many inputs, and keep each of them busy; one that fails is left out."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from visop.client import Client, Identity
from visop.encoding.run import HasHealth, check_health
from visop.errors import DeadlinePassed, ModelFailed, Unreachable, VisopError

_log = logging.getLogger(__name__)

_WAITING_RESULTS = 64

#: Of an input: the bytes of a file, a URL, or why there is neither.
Data = bytes | str | VisopError


class Input(Protocol):
    """An item with a picture to work on."""

    @property
    def data(self) -> Data:
        """The bytes of a file, a URL, or the error that says why there is no picture."""


Item = TypeVar("Item", bound=Input)
Out = TypeVar("Out")


@dataclass(frozen=True)
class Member(Generic[Out]):
    """One of those that work.

    Attributes:
        operator: tells of its health.
        work: one result or error for each input, in order, in bounded memory.
    """

    operator: HasHealth
    work: Callable[[Iterator[Data]], Iterator[Out | VisopError]]


def work_on(members: Mapping[str, Member[Out]], items: Iterable[Item]) -> Generator[tuple[Item, Out | VisopError]]:
    """Have all members work on items until all are done; the order is free with several.

    Args:
        members: by name, for messages.
        items: read as far ahead as the members have room for; with several, in their threads, one at a time.

    Raises:
        VisopError: no member is left that works.
    """
    if len(members) == 1:
        ((name, member),) = members.items()
        return _work(name, member, iter(items))
    return _work_on_all(members, items)


def identities_of(clients: Sequence[Client]) -> dict[str, Identity]:
    """Return the identities of the operators that answer, by target. If none does, raise what the last one raised."""
    found: dict[str, Identity] = {}
    for client in clients:
        try:
            found[client.target] = client.identity()
        except (Unreachable, DeadlinePassed) as error:
            if client is clients[-1] and not found:
                raise
            _log.warning("goes on without the operator %s: %s", client.target, error)
    return found


def _work(name: str, member: Member[Out], items: Iterator[Item]) -> Generator[tuple[Item, Out | VisopError]]:
    under_way: deque[Item] = deque()

    def sent() -> Iterator[Data]:
        for item in items:
            under_way.append(item)
            yield item.data

    for result in member.work(sent()):
        if isinstance(result, ModelFailed):
            check_health(member.operator, name)
        yield under_way.popleft(), result


def _work_on_all(members: Mapping[str, Member[Out]], items: Iterable[Item]) -> Generator[tuple[Item, Out | VisopError]]:
    """Items that a member took but did not answer before it failed go to the others."""
    shared: _Shared[Item, Out] = _Shared(items)
    working = dict(members)
    while True:
        workers = [_Worker(name, member, shared) for name, member in working.items()]
        yield from _results_of(workers, shared)
        failed = {worker.name: worker.failure for worker in workers if worker.failure is not None}
        if shared.failure is not None:
            raise shared.failure
        working = {name: member for name, member in working.items() if name not in failed}
        if not shared.has_returned:
            return
        if not working:
            raise next(iter(failed.values()))


class _Shared(Generic[Item, Out]):
    """Items that several threads take, and give back where they cannot finish them; and the queue of their results."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items, self._returned = iter(items), deque[Item]()
        self._lock = threading.Lock()
        self.stopped = self._is_abandoned = False
        self.failure: BaseException | None = None
        self._results: queue.Queue[tuple[Item, Out | VisopError] | None] = queue.Queue(_WAITING_RESULTS)

    @property
    def has_returned(self) -> bool:
        return bool(self._returned)

    def take(self) -> Iterator[Item]:
        while (item := self._next()) is not None:
            yield item

    def _next(self) -> Item | None:
        with self._lock:
            if self.stopped:
                return None
            if self._returned:
                return self._returned.popleft()
            try:
                return next(self._items, None)
            except BaseException as error:  # noqa: BLE001 - raised again where the results are read
                self.failure, self.stopped = error, True
                return None

    def give_back(self, items: Iterable[Item]) -> None:
        with self._lock:
            self._returned.extend(items)

    def put(self, result: tuple[Item, Out | VisopError] | None) -> None:
        """Put a result, or None at the end of a thread; waits for space while the results are being read."""
        if not self._is_abandoned:
            self._results.put(result)

    def get(self) -> tuple[Item, Out | VisopError] | None:
        return self._results.get()

    def abandon(self) -> None:
        """Stop reading results. On return no thread takes another item, and none will wait for space."""
        with self._lock:
            self.stopped = self._is_abandoned = True
        # Each thread puts at most one more result: the one that it waits with.
        with suppress(queue.Empty):
            while True:
                self._results.get_nowait()


class _Worker(threading.Thread, Generic[Item, Out]):
    """A thread that keeps one member busy until no items are left or the member fails."""

    def __init__(self, name: str, member: Member[Out], shared: _Shared[Item, Out]) -> None:
        super().__init__(name=name, daemon=True)
        self._member, self._shared = member, shared
        self.failure: VisopError | None = None

    def run(self) -> None:
        taken: deque[Item] = deque()

        def items() -> Iterator[Item]:
            for item in self._shared.take():
                taken.append(item)
                yield item

        try:
            for result in _work(self.name, self._member, items()):
                self._shared.put(result)
                taken.popleft()
        except VisopError as error:
            _log.warning("the operator %s is left out: %s", self.name, error)
            self.failure = error
            self._shared.give_back(taken)
        except BaseException as error:  # noqa: BLE001 - raised again where the results are read
            self._shared.failure, self._shared.stopped = error, True
        finally:
            self._shared.put(None)


def _results_of(
    workers: Sequence[_Worker[Item, Out]], shared: _Shared[Item, Out]
) -> Iterator[tuple[Item, Out | VisopError]]:
    """Yield all results until every thread has ended.

    If this generator is closed early, it does not wait for the threads: one whose operator hangs would keep Ctrl-C from
    working. They take no more items, and end with their current call, at the latest when its client is closed.
    """
    for worker in workers:
        worker.start()
    running = len(workers)
    try:
        while running:
            if (result := shared.get()) is None:
                running -= 1
            else:
                yield result
    finally:
        if running:
            shared.abandon()
        else:
            for worker in workers:
                worker.join()
