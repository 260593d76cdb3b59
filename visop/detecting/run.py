"""Look for parts in every input that is not done yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from visop.client import FoundPart
from visop.detecting.entries import Choice, Entry, entry_of
from visop.encoding.run import check_health
from visop.errors import InvalidInput, ModelFailed, VisopError
from visop.sources import read_input

#: Of an input: the bytes of a file, a URL, or why there is neither.
Data = bytes | str | VisopError


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
class Looking:
    """How pictures are looked at.

    Attributes:
        detector: finds the parts.
        read: an input by its name; called a few requests ahead.
        choice: of the parts that are wanted.
        copies: writes copies of what was read as bytes.
        batch: inputs per request.
    """

    detector: StreamDetector
    read: Callable[[str], Data]
    choice: Choice
    copies: CopyWriter | None = None
    batch: int = 16

    def at(self, names: Iterable[str]) -> Iterator[Entry]:
        """Yield the entry of each input, in order, in bounded memory; its copies are written before.

        Raises:
            VisopError: the run cannot go on.
            OSError: a copy cannot be written.
        """
        under_way: deque[tuple[str, Data]] = deque()

        def inputs() -> Iterator[Data]:
            for name in names:
                data = self.read(name)
                under_way.append((name, data))
                yield data

        for result in self.detector.detect_stream(inputs(), batch=self.batch):
            if isinstance(result, ModelFailed):
                check_health(self.detector, "the operator")
            name, data = under_way.popleft()
            wanted = result if isinstance(result, VisopError) else self.choice.of(result)
            yield _entry(name, data, wanted, self.copies)


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
