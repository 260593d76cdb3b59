"""Which connection closes when a new one comes and there are as many as may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Protocol, TypeVar


class Place(Protocol):
    """A connection, as far as its place is concerned.

    Attributes:
        peer: from where it came.
        since: when it last began to wait, by any clock.
    """

    peer: str
    since: float

    @property
    def is_new(self) -> bool:
        """Whether it has sent no whole head of a request yet."""

    @property
    def is_waiting(self) -> bool:
        """Whether the server does nothing for it."""

    @property
    def is_stalled(self) -> bool:
        """Whether it does not read its answer."""


P = TypeVar("P", bound=Place)


def least_needed(places: Iterable[P]) -> P | None:
    """The connection that is missed least; None if all are being served.

    It waits for a request, or else stalls. Among those it is of the peer that has the most, has sent nothing yet, and
    has waited longest: whoever means to send a request does it at once.
    """
    places = list(places)
    free = [each for each in places if each.is_waiting] or [each for each in places if each.is_stalled]
    counts = Counter(each.peer for each in free)
    return min(free, key=lambda each: (-counts[each.peer], not each.is_new, each.since), default=None)
