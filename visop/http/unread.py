"""The answers that wait for their clients to read them, over all connections: how many bytes, and which give way.

What a client does not read stays in this process. It counts as any other message does (OP_MAX_BYTES_IN_FLIGHT).
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from visop.serving.bytes_in_flight import BytesInFlight
from visop.serving.logs import log_event

logger = logging.getLogger("visop.request")

# How long an answer may go unread while others wait for room, in seconds; as over gRPC.
_UNREAD_S = 5.0


class Reader(Protocol):
    """A connection.

    Attributes:
        peer: from where it came.
    """

    peer: str

    @property
    def unread(self) -> int:
        """How many bytes were written to it, and not sent yet."""

    def hang_up(self) -> None:
        """End it, and drop what was not read."""


@dataclass
class _Unread:
    size: int
    since: float


class UnreadAnswers:
    """Counts what was written to connections and not sent yet. Of the event loop, but for ``give_way_soon``.

    Args:
        in_flight: the bytes of every protocol, of which these become a part.
    """

    def __init__(self, in_flight: BytesInFlight) -> None:
        self.in_flight = in_flight
        self._of: dict[Reader, _Unread] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def note(self, reader: Reader) -> None:
        """Take note of what a client has not read."""
        size, before = reader.unread, self._of.pop(reader, None)
        if size:
            self._of[reader] = _Unread(size, before.since if before else time.monotonic())
        more = size - (before.size if before else 0)
        self.in_flight.add(reader.peer, more)
        self._loop = self._loop or asyncio.get_running_loop()
        if more > 0 and self.in_flight.over > 0:
            self._loop.call_soon(self.make_room)  # not while the connection is being written to

    def make_room(self) -> None:
        """End connections of the peer that holds most, the largest answer first, until no more is held than may be."""
        for reader in list(self._of):
            self.note(reader)
        while self.in_flight.over > 0 and self._end_one(self._of):
            pass

    def give_way_soon(self) -> None:
        """Make room, and if others wait for it, end an answer that has been unread for a while. Of any thread."""
        if self._of and self._loop and (self.in_flight.over > 0 or self.in_flight.waiting):
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._give_way)

    def _give_way(self) -> None:
        self.make_room()
        if self.in_flight.waiting:
            now = time.monotonic()
            self._end_one({each: unread for each, unread in self._of.items() if now - unread.since > _UNREAD_S})

    def _end_one(self, among: dict[Reader, _Unread]) -> bool:
        """Whether there was one to end."""
        givers = [each for each in among if not self.in_flight.may_hold(each.peer)]
        if not givers:
            return False
        largest = max(givers, key=lambda each: (self.in_flight.of(each.peer), self._of[each].size))
        self.in_flight.add(largest.peer, -self._of.pop(largest).size)
        largest.hang_up()
        fields = {"peer": largest.peer, "why": "the answer was not read, and others need the memory"}
        log_event(logger, logging.INFO, "ended a connection", fields)
        return True
