"""Look for parts in every input that is not done yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from visop.client import Client, FoundPart
from visop.contract import OperatorInfo
from visop.detecting.entries import Choice, Entry, entry_of
from visop.encoding.shared_work import Data, Member, identities_of, work_on
from visop.errors import InvalidInput, UsageError, VisopError
from visop.sources import read_input


class Fetching(Protocol):
    """``visop.images.fetching.fetch.Fetcher``."""

    def fetch(self, url: str) -> bytes:
        """Download one file."""


class StreamDetector(Protocol):
    """A ``visop.client.Client``, or a processor in this process."""

    def health(self) -> str:
        """``HEALTHY``, or what is wrong."""

    def detect_stream(
        self, inputs: Iterable[bytes | str | VisopError], *, batch: int
    ) -> Iterator[list[FoundPart] | VisopError]:
        """Do as ``Client.detect_stream``."""


class CopyWriter(Protocol):
    """What writes copies of pictures, ``visop.detecting.copies.Copies``."""

    def add_to(self, entry: Entry, data: bytes, parts: Sequence[FoundPart]) -> None:
        """Write the copies of one picture, and their paths into its entry."""


@dataclass(frozen=True)
class Detectors:
    """One detector, or several that find the same.

    Attributes:
        operator: what they are.
        max_image_bytes: what all of them accept.
        members: by name, for messages.
    """

    operator: OperatorInfo
    max_image_bytes: int
    members: Mapping[str, StreamDetector]


@dataclass(frozen=True)
class Looking:
    """How pictures are looked at.

    Attributes:
        detectors: find the parts; by name, for messages.
        read: an input by its name; called a few requests ahead.
        choice: of the parts that are wanted.
        copies: writes copies of what was read as bytes.
        batch: inputs per request.
    """

    detectors: Mapping[str, StreamDetector]
    read: Callable[[str], Data]
    choice: Choice
    copies: CopyWriter | None = None
    batch: int = 16

    def at(self, names: Iterable[str]) -> Iterator[Entry]:
        """Yield the entry of each input, in bounded memory; its copies are written before.

        The order is that of the inputs, and free with several detectors.

        Raises:
            VisopError: the run cannot go on.
            OSError: a copy cannot be written.
        """
        inputs = (_Input(name, self.read(name)) for name in names)
        for each, result in work_on({name: self._member(one) for name, one in self.detectors.items()}, inputs):
            wanted = result if isinstance(result, VisopError) else self.choice.of(result)
            yield _entry(each.name, each.data, wanted, self.copies)

    def _member(self, detector: StreamDetector) -> Member[list[FoundPart]]:
        return Member(detector, partial(detector.detect_stream, batch=self.batch))


@dataclass(frozen=True, eq=False)
class _Input:
    name: str
    data: Data


@contextmanager
def open_running(targets: Sequence[str]) -> Iterator[Detectors]:
    """Open running operators.

    Args:
        targets: HOST:PORT each.

    Raises:
        UsageError: they do not find the same.
        Unreachable: none of them answers; those that do not are left out, and the log says so.
    """
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(target)) for target in dict.fromkeys(targets)]
        identities = identities_of(clients)
        first, *others = identities
        operator = identities[first].operator
        for target in others:
            _check_same(operator, identities[target].operator, first, target)
        smallest = min(identity.limits.max_image_bytes for identity in identities.values())
        yield Detectors(operator, smallest, {each.target: each for each in clients if each.target in identities})


def _check_same(one: OperatorInfo, other: OperatorInfo, first: str, target: str) -> None:
    for what in ("name", "type", "fingerprint", "labels", "parts"):
        here, there = getattr(other, what), getattr(one, what)
        if here != there:
            why = (
                f"finds something else than {first}: its {what} is {here or 'none'}, and there it is {there or 'none'}"
            )
            raise UsageError("operators", target, why)


def _entry(name: str, data: Data, wanted: list[FoundPart] | VisopError, copies: CopyWriter | None) -> Entry:
    entry = entry_of(name, wanted)
    if copies is None or isinstance(wanted, VisopError) or not isinstance(data, bytes):
        return entry
    try:
        copies.add_to(entry, data, wanted)
    except VisopError as error:  # such as a picture that is larger than what is accepted here
        return entry_of(name, InvalidInput(f"no copy can be made: {error}"))
    return entry


def reader(max_bytes: int, fetcher: Fetching | None = None) -> Callable[[str], Data]:
    """What reads inputs by their names.

    Args:
        max_bytes: of one file; above it, an input is an error.
        fetcher: of URLs, where their pictures are needed here; without it, they are left to the detector.
    """

    def read(name: str) -> Data:
        data = read_input(name, max_bytes)
        if fetcher is None or not isinstance(data, str):
            return data
        try:
            return fetcher.fetch(data)
        except VisopError as error:
            return error

    return read
