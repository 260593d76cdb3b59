"""The messages of gRPC calls on their way in and out: how many bytes they are, and how long they may take.

A message is received when its call asks for it; until then flow control leaves all but its begin with the sender. So a
call asks when there is room. What comes slowly is measured, because a sender may stop at the last byte.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from visop.serving.arrivals import Arrivals, Incomplete
from visop.serving.bytes_in_flight import BytesInFlight
from visop.serving.compressed import inflated, inflated_size, is_compressed
from visop.serving.incoming import IncomingCall

#: How often to check, in seconds.
CHECK_S = 0.05
# How long a call waits for room.
_ROOM_S = 5.0
# How long an answer may go unread while others wait for room.
_UNREAD_S = 5.0


class Messages:
    """Receives the messages of all calls, and watches that their answers are read.

    Args:
        in_flight: the bytes of every protocol.
        arrivals: measures what is not complete.
        timeout_s: for an answer to be read, in seconds.
        largest: bytes of a message.
    """

    def __init__(self, in_flight: BytesInFlight, arrivals: Arrivals, timeout_s: float, largest: int) -> None:
        self.in_flight = in_flight
        self._arrivals, self._timeout_s, self._largest = arrivals, timeout_s, largest
        self._lock = threading.Lock()
        self._unread: dict[IncomingCall, float] = {}  # since when, the longest first

    def receive(
        self, call: IncomingCall, requests: Iterator[bytes], *, patient: bool, bulk: bool = False
    ) -> bytes | None:
        """The next message of a call; None if there is none.

        Args:
            call: which one.
            requests: its messages, as gRPC gives them.
            patient: wait for room first. Calls that have small messages and must be answered at any load do not.
            bulk: whether it is one of many: these wait as long as an answer may take, and leave room to others.

        Raises:
            Overloaded: there is no room.
            InvalidInput, RemoteError: it is compressed, and damaged or too large.
            grpc.RpcError: the call is over.
        """
        if patient:
            longest_s = self._timeout_s if bulk else _ROOM_S
            self.in_flight.wait_for_room(call.peer, longest_s, lambda: _is_over(call), bulk=bulk)
        message = self._next(call, requests)
        return self._inflated(call, message) if message and is_compressed(message) else message

    def _next(self, call: IncomingCall, requests: Iterator[bytes]) -> bytes | None:
        size = None
        self._arrivals.begin(call)
        try:
            message = next(requests, None)
            size = None if message is None else len(message)
            return message
        finally:
            self._arrivals.end(call, size)

    def _inflated(self, call: IncomingCall, message: bytes) -> bytes:
        """Inflate a message once there is room for what becomes of it."""
        size = inflated_size(message, self._largest)
        self.in_flight.hold(call.peer, size, _ROOM_S, lambda: _is_over(call))
        try:
            return inflated(message, size)
        finally:
            self.in_flight.add(call.peer, -size)

    def unread(self, call: IncomingCall) -> None:
        """Take note that the answer of a call is being sent."""
        with self._lock:
            if not call.is_over:
                self._unread[call] = time.monotonic()

    def read(self, call: IncomingCall) -> None:
        """Take note that it has been read, or that the call is over."""
        with self._lock:
            self._unread.pop(call, None)

    def check(self) -> None:
        """End calls that hold what others need, or whose answers nobody reads. To be called every ``CHECK_S``."""
        self._end_unread()
        if self._arrivals.most + self.in_flight.in_hand <= self.in_flight.capacity:
            self.in_flight.arriving({})
        else:
            self._end_largest(self._arrivals.measured())

    def _end_largest(self, parts: Sequence[Incomplete]) -> None:
        """End calls of the peer that holds most, on the connection that has brought most, until there is room."""
        self._count(parts)
        while (over := self.in_flight.over) > 0 and (left := [part for part in parts if self._is_too_much(part)]):
            largest = max(left, key=lambda part: (self.in_flight.of(part.peer), part.size))
            for call in largest.oldest(over):
                call.end(str(self.in_flight.too_many()))
            largest.size -= min(over, largest.size)
            self._count(parts)

    def _is_too_much(self, part: Incomplete) -> bool:
        return part.size > 0 and not self.in_flight.may_hold(part.peer)

    def _count(self, parts: Sequence[Incomplete]) -> None:
        by_peer: Counter[str] = Counter()
        for part in parts:
            by_peer[part.peer] += part.size
        self.in_flight.arriving(by_peer)

    def _end_unread(self) -> None:
        now = time.monotonic()
        with self._lock:
            late = [call for call, since in self._unread.items() if now - since > self._timeout_s]
            slow = [call for call, since in self._unread.items() if now - since > _UNREAD_S]
            if self.in_flight.waiting and slow and not late:
                late = [max(slow, key=lambda call: self.in_flight.of(call.peer))]
            for call in late:
                del self._unread[call]
        for call in late:
            call.end("the answer was not read in time")


def _is_over(call: IncomingCall) -> bool:
    return call.is_over or not call.context.is_active()
