"""What waits for the model: what somebody waits for before what is done in bulk, and in each lane by arrival."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """What may wait.

    Attributes:
        bulk: whether nobody waits for it in particular.
        queued_at: since when it waits, on the clock of ``time.monotonic``.
    """

    bulk: bool
    queued_at: float


Item = TypeVar("Item", bound=Waiting)

# After so many batches in which bulk work waited for others, it comes first, so that it is never at a standstill.
_MOST_PASSED = 3


class Lanes(Generic[Item]):
    """Two queues. Its user has to hold a lock."""

    def __init__(self) -> None:
        self._first: deque[Item] = deque()
        self._bulk: deque[Item] = deque()
        self._passed = 0

    def __len__(self) -> int:
        return len(self._first) + len(self._bulk)

    def __iter__(self) -> Iterator[Item]:
        """All that wait, those first that are not bulk work."""
        yield from (*self._first, *self._bulk)

    @property
    def first(self) -> int:
        """How many wait that are not bulk work."""
        return len(self._first)

    def extend(self, items: Iterable[Item]) -> None:
        """Put items at the end of their lanes."""
        for item in items:
            (self._bulk if item.bulk else self._first).append(item)

    def oldest(self) -> float:
        """Since when the one waits that has waited longest; there has to be one."""
        return min(lane[0].queued_at for lane in (self._first, self._bulk) if lane)

    def begin(self) -> bool:
        """Begin a batch. Whether bulk work comes first in it."""
        bulk_first = not self._first or (bool(self._bulk) and self._passed >= _MOST_PASSED)
        self._passed = 0 if bulk_first else self._passed + bool(self._bulk)
        return bulk_first

    def pop(self, *, bulk: bool) -> Item | None:
        """Take the next of a lane; None if it is empty."""
        lane = self._bulk if bulk else self._first
        return lane.popleft() if lane else None

    def clear(self) -> list[Item]:
        """Take all."""
        left = list(self)
        self._first.clear()
        self._bulk.clear()
        return left
