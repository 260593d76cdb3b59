"""How many bytes of messages are held at once, over every protocol: on their way in, in hand, and on their way out."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping

from visop.errors import Overloaded
from visop.machine import memory_limit
from visop.serving.peers import most_of_bulk
from visop.settings import MIB, Settings

# Of the memory of the process, if the settings do not say.
_SHARE, _MOST = 8, 512 * MIB
# One peer leaves this part to others.
_LEFT = 8


def most_bytes_in_flight(settings: Settings, memory: int | None = None) -> int:
    """OP_MAX_BYTES_IN_FLIGHT, or what follows from the memory that the process may use, in bytes."""
    if settings.max_bytes_in_flight:
        return settings.max_bytes_in_flight
    memory = memory or memory_limit()
    return max(settings.max_message_bytes, min(memory // _SHARE if memory else _MOST, _MOST))


class BytesInFlight:
    """Counts bytes of messages, by peer.

    Args:
        capacity: what is over it waits to be received, or is refused.

    Attributes:
        waiting: how many calls wait for room.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity, self.waiting = capacity, 0
        self._changed = threading.Condition()
        self._held: Counter[str] = Counter()
        self._arriving: Mapping[str, int] = {}
        self._in_hand = self._on_the_way = 0

    @property
    def over(self) -> int:
        """Bytes beyond the capacity; negative if there is room."""
        return self._in_hand + self._on_the_way - self.capacity

    @property
    def in_hand(self) -> int:
        """Bytes that are held, without what is on its way in over gRPC."""
        return self._in_hand

    def of(self, peer: str) -> int:
        """What is held for a peer."""
        return self._held[peer] + self._arriving.get(peer, 0)

    def may_hold(self, peer: str) -> bool:
        """Whether a peer keeps what it has while too much is held: the part that is left to it, and not the most."""
        with self._changed:
            held = self.of(peer)
            return held <= self.capacity // _LEFT and any(
                self.of(each) > held for each in {*self._held, *self._arriving}
            )

    def add(self, peer: str, size: int) -> None:
        """Take note of more bytes of a peer, or of fewer."""
        with self._changed:
            self._in_hand += size
            self._held[peer] += size
            if not self._held[peer]:
                del self._held[peer]
            if size < 0 and self.waiting:
                self._changed.notify_all()

    def arriving(self, by_peer: Mapping[str, int]) -> None:
        """Take note of what has come of messages that are not complete."""
        with self._changed:
            self._arriving, self._on_the_way = by_peer, sum(by_peer.values())
            if self.waiting:
                self._changed.notify_all()

    def wait_for_room(self, peer: str, timeout_s: float, is_over: Callable[[], bool], *, bulk: bool = False) -> None:
        """Return when there is room for a message, so that its sender keeps the bytes until then.

        Args:
            peer: from where it comes.
            timeout_s: the longest wait, in seconds.
            is_over: whether nobody wants to know any more; asked now and then.
            bulk: whether it leaves room to the messages of calls for which somebody waits.

        Raises:
            Overloaded: there was no room in time.
        """
        if self._has_room(peer, bulk=bulk):
            return
        with self._changed:
            self.waiting += 1
            try:
                if self._changed.wait_for(lambda: self._has_room(peer, bulk=bulk) or is_over(), timeout_s):
                    return
            finally:
                self.waiting -= 1
        raise self.too_many()

    def hold(self, peer: str, size: int, timeout_s: float, is_over: Callable[[], bool]) -> None:
        """Wait as ``wait_for_room`` does, and add so many bytes before anybody else can."""
        with self._changed:
            self.wait_for_room(peer, timeout_s, is_over)
            self.add(peer, size)

    def too_many(self) -> Overloaded:
        """What is said of a message for which there is no room."""
        held = self._in_hand + self._on_the_way
        what = f"{held:,} bytes of messages are held, the limit is {self.capacity:,} (OP_MAX_BYTES_IN_FLIGHT)"
        return Overloaded(what, limit="bytes")

    def _has_room(self, peer: str, *, bulk: bool = False) -> bool:
        capacity = most_of_bulk(self.capacity) if bulk else self.capacity
        return self.over < capacity - self.capacity and self.of(peer) < capacity - capacity // _LEFT
