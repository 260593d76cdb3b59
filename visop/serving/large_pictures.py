"""Decode large pictures apart from the others, and bound how many there are at once.

A file of 136 bytes may be a picture of 67 megapixels, which takes seconds and a gigabyte. So large pictures have
threads of their own, fewer than the others, which never wait for them; and what they take decoded is counted, of each
request and over all that are in hand.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from visop.errors import Overloaded
from visop.machine import memory_limit
from visop.serving.peers import Shares
from visop.settings import Settings

#: A picture that takes more bytes decoded is a large one: 12.5 megapixels, more than most cameras make without need.
LARGE_BYTES = 48 * 1024 * 1024


def large_workers(decode_workers: int) -> int:
    """How many threads decode large pictures: half as many as decode the others, at least one."""
    return max(1, decode_workers // 2)


def most_large_bytes(settings: Settings, memory: int | None = None) -> int:
    """OP_MAX_LARGE_BYTES, or half of the memory that the process may use, if that is less, in bytes."""
    memory = memory or memory_limit()
    return min(settings.max_large_bytes, memory // 2) if memory else settings.max_large_bytes


class LargePictures:
    """Counts the decoded bytes of the large pictures in hand.

    Args:
        capacity: bytes of all together.
        per_request: bytes of one request, those that are done included.
    """

    def __init__(self, capacity: int, per_request: int) -> None:
        self.capacity, self.per_request = capacity, per_request
        self._inside, self._shares = 0, Shares(capacity)
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: Settings, *, one_peer: bool = False) -> LargePictures:
        """Take the limits from the settings and the memory. With only one peer there is none: nobody else waits."""
        if one_peer:
            return cls(sys.maxsize, sys.maxsize)
        most = most_large_bytes(settings)
        return cls(most, min(most, settings.max_request_large_bytes))

    def of_request(self, peer: str) -> LargeOfRequest:
        """What counts the large pictures of one request."""
        return LargeOfRequest(self, peer)

    def enter(self, size: int, peer: str) -> None:
        """Take note of one more. Raises Overloaded if there is no room, or only what is left to other peers."""
        with self._lock:
            if self._inside and self._inside + size > self.capacity:
                raise Overloaded(
                    f"large pictures of {self._inside:,} bytes decoded are in hand, "
                    f"the limit is {self.capacity:,} (OP_MAX_LARGE_BYTES)"
                )
            if not self._shares.has_room(peer, size):
                raise Overloaded("large pictures are being decoded, nearly all from one address (OP_MAX_LARGE_BYTES)")
            self._inside += size
            self._shares.add(peer, size)

    def leave(self, size: int, peer: str) -> None:
        """Take note that one has its result, or its error."""
        with self._lock:
            self._inside -= size
            self._shares.add(peer, -size)


class LargeOfRequest:
    """Counts the large pictures of one request. Its methods may be called from many threads."""

    def __init__(self, in_hand: LargePictures, peer: str) -> None:
        self._in_hand, self._peer = in_hand, peer
        self._lock = threading.Lock()
        self._taken = 0

    def enter(self, size: int) -> Callable[[], None]:
        """Take note of one more, and return what is to be called when it has its result.

        Raises:
            Overloaded: the request has too many, or all requests together have.
        """
        with self._lock:
            if self._taken and self._taken + size > self._in_hand.per_request:
                raise Overloaded(
                    f"the large pictures of this request take {self._taken + size:,} bytes decoded, the limit is "
                    f"{self._in_hand.per_request:,} (OP_MAX_REQUEST_LARGE_BYTES); send this one in another request"
                )
            self._in_hand.enter(size, self._peer)
            self._taken += size
        return lambda: self._in_hand.leave(size, self._peer)
