"""Where vectors come from: the operator in this process, or any number of running ones, each as busy as it can be."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from visop.client import Client, Identity
from visop.contract import OperatorInfo, Vector
from visop.encoding.run import StreamEncoder, check_health
from visop.encoding.same_encoder import check_is_encoder, check_same_encoder
from visop.errors import DeadlinePassed, ModelFailed, Unreachable, VisopError
from visop.settings import Settings

_log = logging.getLogger(__name__)

_BATCH = 16


class Encodable(Protocol):
    """Something that has a picture to encode: a file's bytes, a URL, or why there is none."""

    @property
    def data(self) -> bytes | str | VisopError:
        """The picture."""


Item = TypeVar("Item", bound=Encodable)


@dataclass(frozen=True)
class Encoders:
    """One encoder or several that give the same vectors.

    Attributes:
        operator: what they are.
        max_image_bytes: what all of them accept.
        members: by name, for messages.
    """

    operator: OperatorInfo
    max_image_bytes: int
    members: dict[str, StreamEncoder]

    def encode(self, items: Iterable[Item]) -> Generator[tuple[Item, Vector | VisopError]]:
        """Turn pictures into vectors, each for itself, in bounded memory; the order is free with several encoders.

        Args:
            items: read as far ahead as the encoders have room for; with several encoders, in their threads, one at a
                time.

        Raises:
            VisopError: no encoder is left that works.
        """
        if len(self.members) == 1:
            ((name, encoder),) = self.members.items()
            return _encode(name, encoder, iter(items))
        return _encode_on_all(self.members, items)


@contextmanager
def open_encoders(operators: Sequence[str], settings: Settings) -> Iterator[Encoders]:
    """Open running operators, or the configured one in this process if none is named.

    Args:
        operators: HOST:PORT each.
        settings: of the operator in this process; a running one has its own.

    Raises:
        OtherEncoder: they do not give the same vectors.
        UsageError: one is no encoder, or cannot be loaded.
        Unreachable: none of them answers; those that do not are left out, and the log says so.
    """
    with ExitStack() as stack:
        if operators:
            yield _running([stack.enter_context(Client(target)) for target in dict.fromkeys(operators)])
        else:
            # Keras and the like are needed by who encodes here, and by nobody else.
            from visop.encoding.local import open_local

            encoder = stack.enter_context(open_local(settings))
            yield Encoders(encoder.info, settings.max_image_bytes, {"the operator": encoder})


def _running(clients: Sequence[Client]) -> Encoders:
    identities = _identities(clients)
    first = next(iter(identities))
    operator = identities[first].operator
    for target, identity in identities.items():
        check_is_encoder(identity.operator)
        check_same_encoder(operator, identity.operator, f"the operator {first}", f"the operator {target}")
    smallest = min(identity.limits.max_image_bytes for identity in identities.values())
    return Encoders(operator, smallest, {client.target: client for client in clients if client.target in identities})


def _identities(clients: Sequence[Client]) -> dict[str, Identity]:
    """What those are that answer, by target. Raises what the last one raised if none does."""
    found: dict[str, Identity] = {}
    for client in clients:
        try:
            found[client.target] = client.identity()
        except (Unreachable, DeadlinePassed) as error:
            if client is clients[-1] and not found:
                raise
            _log.warning("goes on without the operator %s: %s", client.target, error)
    return found


def _encode(name: str, encoder: StreamEncoder, items: Iterator[Item]) -> Generator[tuple[Item, Vector | VisopError]]:
    under_way: deque[Item] = deque()

    def sent() -> Iterator[bytes | str | VisopError]:
        for item in items:
            under_way.append(item)
            yield item.data

    for result in encoder.encode_stream(sent(), batch=_BATCH):
        if isinstance(result, ModelFailed):
            check_health(encoder, name)
        yield under_way.popleft(), result


def _encode_on_all(
    members: dict[str, StreamEncoder], items: Iterable[Item]
) -> Generator[tuple[Item, Vector | VisopError]]:
    """What an encoder took and did not answer before it failed goes to the others."""
    shared = _Shared(items)
    working = dict(members)
    while True:
        crew = [_Worker(name, encoder, shared) for name, encoder in working.items()]
        yield from _results_of(crew, shared)
        failed = {worker.name: worker.failure for worker in crew if worker.failure is not None}
        if shared.failure is not None:
            raise shared.failure
        working = {name: encoder for name, encoder in working.items() if name not in failed}
        if not shared.has_returned:
            return
        if not working:
            raise next(iter(failed.values()))


class _Shared(Generic[Item]):
    """One iterable that several threads take from, and give back to what they could not finish; and their results."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items, self._returned = iter(items), deque[Item]()
        self._lock = threading.Lock()
        self.stopped = self._is_abandoned = False
        self.failure: BaseException | None = None
        self._results: queue.Queue[tuple[Item, Vector | VisopError] | None] = queue.Queue(4 * _BATCH)

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

    def put(self, result: tuple[Item, Vector | VisopError] | None) -> None:
        """Hand over a result, or None for the end of a thread; waits for room as long as somebody reads."""
        if not self._is_abandoned:
            self._results.put(result)

    def get(self) -> tuple[Item, Vector | VisopError] | None:
        return self._results.get()

    def abandon(self) -> None:
        """Nobody reads any more. On return no thread takes an item, and none will wait for room."""
        with self._lock:
            self.stopped = self._is_abandoned = True
        # Each thread puts one more at most, the one for which it waits for room.
        with suppress(queue.Empty):
            while True:
                self._results.get_nowait()


class _Worker(threading.Thread, Generic[Item]):
    """Keeps one encoder busy until there is nothing left, or the encoder fails."""

    def __init__(self, name: str, encoder: StreamEncoder, shared: _Shared[Item]) -> None:
        super().__init__(name=name, daemon=True)
        self._encoder, self._shared = encoder, shared
        self.failure: VisopError | None = None

    def run(self) -> None:
        taken: deque[Item] = deque()

        def items() -> Iterator[Item]:
            for item in self._shared.take():
                taken.append(item)
                yield item

        try:
            for result in _encode(self.name, self._encoder, items()):
                self._shared.put(result)
                taken.popleft()
        except VisopError as error:
            self.failure = error
            self._shared.give_back(taken)
        except BaseException as error:  # noqa: BLE001 - raised again where the results are read
            self._shared.failure, self._shared.stopped = error, True
        finally:
            self._shared.put(None)


def _results_of(crew: Sequence[_Worker[Item]], shared: _Shared[Item]) -> Iterator[tuple[Item, Vector | VisopError]]:
    """All results until every thread has ended.

    Left early, nobody waits for the threads: one whose operator hangs would keep Ctrl-C from doing anything. They take
    nothing more, and end with the call that they are in, at the latest when its client is closed.
    """
    for worker in crew:
        worker.start()
    running = len(crew)
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
            for worker in crew:
                worker.join()
