"""Encode with the operator in this process or with several running ones, and keep each of them busy."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from visop.client import Client, Identity
from visop.contract import OperatorInfo
from visop.encoding.encoded import EncodedPicture, EncodesParts, PictureEncoder
from visop.encoding.parts import check_encodes_pictures, check_parts, settings_for
from visop.encoding.run import check_health
from visop.encoding.same_encoder import check_same_encoder
from visop.errors import DeadlinePassed, ModelFailed, Unreachable, VisopError
from visop.part_scheme import of_pictures
from visop.settings import Settings

_log = logging.getLogger(__name__)

_BATCH = 16


class Encodable(Protocol):
    """An item with a picture to encode."""

    @property
    def data(self) -> bytes | str | VisopError:
        """The bytes of a file, a URL, or the error that says why there is no picture."""


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
    members: Mapping[str, PictureEncoder]

    def encode(self, items: Iterable[Item]) -> Generator[tuple[Item, EncodedPicture | VisopError]]:
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
def open_encoders(operators: Sequence[str], settings: Settings, parts: str | None = None) -> Iterator[Encoders]:
    """Open running operators, or the configured one in this process if none is named.

    Args:
        operators: HOST:PORT each.
        settings: of the operator in this process; a running one has its own.
        parts: the processor that pictures are taken apart by, as ``OP_PROCESSOR`` names it; ``none``: they are encoded
            whole alone. None is as the operators are, which must encode whole pictures in any case.

    Raises:
        OtherEncoder: they do not give the same vectors.
        UsageError: one is no encoder, makes other parts, or cannot be loaded.
        Unreachable: none of them answers; those that do not are left out, and the log says so.
    """
    with ExitStack() as stack:
        if operators:
            encoders = _running([stack.enter_context(Client(target)) for target in dict.fromkeys(operators)])
            check_parts(encoders.operator, parts, f"the operator {operators[0]}")
            yield encoders
        else:
            # Only encoding in this process needs Keras and its like.
            from visop.encoding.local import open_local_pictures

            encoder = stack.enter_context(open_local_pictures(settings_for(parts, settings)))
            yield Encoders(encoder.info, settings.max_image_bytes, {"the operator": encoder})


def _running(clients: Sequence[Client]) -> Encoders:
    identities = _identities(clients)
    first = next(iter(identities))
    for identity in identities.values():
        check_encodes_pictures(identity.operator)
    told = {target: of_pictures(identity.operator) for target, identity in identities.items()}
    operator = told[first]
    for target, other in told.items():
        check_same_encoder(operator, other, f"the operator {first}", f"the operator {target}")
    smallest = min(identity.limits.max_image_bytes for identity in identities.values())
    there = [client for client in clients if client.target in identities]
    members = {client.target: EncodesParts(client) if operator.parts else client for client in there}
    return Encoders(operator, smallest, members)


def _identities(clients: Sequence[Client]) -> dict[str, Identity]:
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


def _encode(
    name: str, encoder: PictureEncoder, items: Iterator[Item]
) -> Generator[tuple[Item, EncodedPicture | VisopError]]:
    under_way: deque[Item] = deque()

    def sent() -> Iterator[bytes | str | VisopError]:
        for item in items:
            under_way.append(item)
            yield item.data

    for result in encoder.encode_stream(sent(), batch=_BATCH):
        if isinstance(result, ModelFailed):
            check_health(encoder, name)
        yield under_way.popleft(), EncodedPicture(result) if isinstance(result, np.ndarray) else result


def _encode_on_all(
    members: Mapping[str, PictureEncoder], items: Iterable[Item]
) -> Generator[tuple[Item, EncodedPicture | VisopError]]:
    """Items that an encoder took but did not answer before it failed go to the others."""
    shared = _Shared(items)
    working = dict(members)
    while True:
        workers = [_Worker(name, encoder, shared) for name, encoder in working.items()]
        yield from _results_of(workers, shared)
        failed = {worker.name: worker.failure for worker in workers if worker.failure is not None}
        if shared.failure is not None:
            raise shared.failure
        working = {name: encoder for name, encoder in working.items() if name not in failed}
        if not shared.has_returned:
            return
        if not working:
            raise next(iter(failed.values()))


class _Shared(Generic[Item]):
    """Items that several threads take, and give back where they cannot finish them; and the queue of their results."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items, self._returned = iter(items), deque[Item]()
        self._lock = threading.Lock()
        self.stopped = self._is_abandoned = False
        self.failure: BaseException | None = None
        self._results: queue.Queue[tuple[Item, EncodedPicture | VisopError] | None] = queue.Queue(4 * _BATCH)

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

    def put(self, result: tuple[Item, EncodedPicture | VisopError] | None) -> None:
        """Put a result, or None at the end of a thread; waits for space while the results are being read."""
        if not self._is_abandoned:
            self._results.put(result)

    def get(self) -> tuple[Item, EncodedPicture | VisopError] | None:
        return self._results.get()

    def abandon(self) -> None:
        """Stop reading results. On return no thread takes another item, and none will wait for space."""
        with self._lock:
            self.stopped = self._is_abandoned = True
        # Each thread puts at most one more result: the one that it waits with.
        with suppress(queue.Empty):
            while True:
                self._results.get_nowait()


class _Worker(threading.Thread, Generic[Item]):
    """A thread that keeps one encoder busy until no items are left or the encoder fails."""

    def __init__(self, name: str, encoder: PictureEncoder, shared: _Shared[Item]) -> None:
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


def _results_of(
    workers: Sequence[_Worker[Item]], shared: _Shared[Item]
) -> Iterator[tuple[Item, EncodedPicture | VisopError]]:
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
