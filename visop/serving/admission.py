"""How much is served at once: calls, and the inputs of all calls together. What is over a limit is refused at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from visop.errors import Overloaded, ShuttingDown
from visop.serving.bytes_in_flight import BytesInFlight
from visop.serving.peers import Shares, most_of_bulk

#: Takes what is to be called at the end of a call; False if that is over already.
AtEnd = Callable[[Callable[[], None]], bool]


class CallAdmission:
    """Counts the calls being served, over every protocol, and knows when all have their answers.

    A server stops in two steps. While it drains, new calls are refused; those that could not go elsewhere are still
    served. Once it is closed, every call is refused.

    Args:
        max_calls: at once.
        max_bytes: of messages at once.

    Attributes:
        in_flight: counts the bytes of messages.
    """

    def __init__(self, max_calls: int, max_bytes: int = sys.maxsize) -> None:
        self.in_flight = BytesInFlight(max_bytes)
        self._max_calls, self._shares = max_calls, Shares(max_calls)
        self._changed = threading.Condition()
        self._most_streams = most_of_bulk(max_calls)
        self._accepted = self._streams = self._unanswered = 0
        self._leaving = self._draining = self._closed = False

    @property
    def accepted(self) -> int:
        """Calls and streams that are being served now."""
        return self._accepted

    @property
    def leaving(self) -> bool:
        """Whether callers should go elsewhere: calls are served still, if they are not refused already."""
        return self._leaving or self._draining

    def leave_soon(self) -> None:
        """Tell those who ask that the operator is about to stop, and serve calls all the same."""
        self._leaving = True

    @property
    def draining(self) -> bool:
        """Whether new calls are refused, because the operator stops."""
        return self._draining

    @property
    def closed(self) -> bool:
        """Whether every call is refused."""
        return self._closed

    def drain(self) -> None:
        """Refuse new calls from now on."""
        with self._changed:
            self._draining = True

    def close(self) -> None:
        """Refuse every call from now on."""
        with self._changed:
            self._draining = self._closed = True

    def wait_answered(self, timeout_s: float) -> bool:
        """Wait until no call is without its answer, and close in that moment. False if the time passed before."""
        with self._changed:
            answered = self._changed.wait_for(lambda: self._unanswered == 0, timeout_s)
            self._closed = self._closed or answered
            return answered

    def check(self, *, late: bool = False, peer: str = "") -> None:
        """Say whether a call that came now would be served, before anything is spent on it.

        Args:
            late: serve it even while draining: it cannot go elsewhere.
            peer: from where the call came.

        Raises:
            ShuttingDown: the operator is draining.
            Overloaded: too many calls are being served, or too many of this peer.
        """
        self._check_open(late)
        if not self._has_room(peer):
            raise self._too_many()

    @contextmanager
    def entered(self, *, late: bool = False, peer: str = "", at_end: AtEnd | None = None) -> Iterator[None]:
        """Count one call while it is served, and wait for its answer when draining. Raises as ``check`` does.

        Args:
            late: as for ``check``.
            peer: as for ``check``.
            at_end: calls back once the answer has been sent; None if it has been at the end of the block.
        """
        with self.opened(late=late, at_end=at_end):
            self.take(peer)
            try:
                yield
            finally:
                self.leave(peer)

    @contextmanager
    def opened(self, *, late: bool = False, at_end: AtEnd | None = None) -> Iterator[None]:
        """Wait for a call when draining, which takes its place by itself when there is work. Arguments as above.

        Raises:
            ShuttingDown: the operator is draining.
        """
        with self._changed:
            self._check_open(late)
            self._unanswered += 1
        try:
            yield
        finally:
            if at_end is None or not at_end(self._answered):
                self._answered()

    def take(
        self,
        peer: str,
        timeout_s: float = 0.0,
        is_wanted: Callable[[], bool] = lambda: True,
        *,
        stream: bool = False,
    ) -> None:
        """Take the place of one call.

        Args:
            peer: from where the call came.
            timeout_s: how long to wait for it, in seconds.
            is_wanted: whether it still is, asked when places are left, and after ``end_waits``.
            stream: whether it is for a stream: these leave a part to single calls.

        Raises:
            Overloaded: there is none, or only those that are left to other peers or to single calls.
            ShuttingDown: it is not wanted any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_room(peer, stream=stream) or not is_wanted(), timeout_s)
            if not is_wanted():
                raise draining()
            if not self._has_room(peer, stream=stream):
                raise self._too_many(stream=stream)
            self._accepted += 1
            self._streams += stream
            self._shares.add(peer, 1)

    def leave(self, peer: str, *, stream: bool = False) -> None:
        """Give the place of a call back."""
        with self._changed:
            self._accepted -= 1
            self._streams -= stream
            self._shares.add(peer, -1)
            self._changed.notify_all()

    def end_waits(self) -> None:
        """Refuse what waits for a place and is not wanted any more."""
        with self._changed:
            self._changed.notify_all()

    def _check_open(self, late: bool) -> None:
        if self._closed or (self._draining and not late):
            raise draining()

    def _has_room(self, peer: str, *, stream: bool = False) -> bool:
        if stream and self._streams >= self._most_streams:
            return False
        return self._accepted < self._max_calls and self._shares.has_room(peer, 1)

    def _too_many(self, *, stream: bool = False) -> Overloaded:
        if self._accepted < self._max_calls and stream and self._streams >= self._most_streams:
            what = f"{self._streams} streams are being served, and the other {self._max_calls - self._most_streams}"
            return Overloaded(f"{what} places are left to single calls (OP_MAX_CALLS)", limit="calls")
        if self._accepted >= self._max_calls:
            return Overloaded(
                f"{self._accepted} calls are being served, which is the limit (OP_MAX_CALLS)", limit="calls"
            )
        return Overloaded(f"{self._accepted} calls are being served, nearly all from one address", limit="peer")

    @contextmanager
    def received(self) -> Iterator[None]:
        """Wait for a request when draining that is still being received, and will be entered late.

        Raises:
            ShuttingDown: the operator is closed.
        """
        with self._changed:
            if self._closed:
                raise draining()
            self._unanswered += 1
        try:
            yield
        finally:
            self._answered()

    def _answered(self) -> None:
        with self._changed:
            self._unanswered -= 1
            self._changed.notify_all()


class Place:
    """The place of one stream, which has it while any of its requests is being served.

    Args:
        calls: has the places.
        peer: from where the stream came.
        timeout_s: how long a stream that was without work waits for a place, in seconds.
        is_open: whether the stream still is.
    """

    def __init__(self, calls: CallAdmission, peer: str, timeout_s: float, is_open: Callable[[], bool]) -> None:
        self._calls, self._peer, self._timeout_s, self._is_open = calls, peer, timeout_s, is_open
        self._lock = threading.Lock()
        self._requests, self._is_first, self._closed = 0, True, False

    def begin(self) -> None:
        """Take the place, if it is not taken, for one more request. The first one of a stream does not wait for it.

        Raises:
            Overloaded, ShuttingDown: as ``CallAdmission.take``.
        """
        with self._lock:
            if self._requests:
                self._requests += 1
                return
        self._calls.take(self._peer, 0.0 if self._is_first else self._timeout_s, self._is_open, stream=True)
        with self._lock:
            if self._closed:
                self._calls.leave(self._peer, stream=True)
                raise draining()
            self._requests, self._is_first = 1, False

    def end(self) -> None:
        """Take note that a request has its answer; that of the last one leaves the place."""
        with self._lock:
            self._requests -= 1
            if not self._requests:
                self._calls.leave(self._peer, stream=True)

    def close(self) -> None:
        """Leave the place, and take it no more."""
        with self._lock:
            if self._requests:
                self._calls.leave(self._peer, stream=True)
            self._requests, self._closed = 0, True


def draining() -> ShuttingDown:
    """What callers are told while the operator drains."""
    return ShuttingDown("the operator is shutting down; send the rest again")


class InputAdmission:
    """Counts the inputs being served, over all calls, each from its arrival to its result.

    Bulk work leaves a part to other calls, also to those of its own peer: behind a proxy all callers are one peer. A
    request of a stream that is larger than what bulk work may have is admitted alone, beside that part.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._most_bulk = most_of_bulk(capacity)
        self._calls, self._bulk = Shares(capacity), Shares(self._most_bulk)
        self._changed = threading.Condition()

    @property
    def inside(self) -> int:
        """Inputs that are being served now."""
        return self._calls.total + self._bulk.total

    def enter(
        self,
        count: int,
        timeout_s: float = 0.0,
        peer: str = "",
        is_wanted: Callable[[], bool] = lambda: True,
        *,
        bulk: bool = False,
    ) -> None:
        """Admit ``count`` inputs, all or none, waiting up to ``timeout_s`` for room.

        Args:
            count: how many.
            timeout_s: seconds.
            peer: from where they came.
            is_wanted: whether they still are; asked at once, when room is made, and after ``end_waits``.
            bulk: whether they leave room to others, for whom somebody waits.

        Raises:
            Overloaded: there was no room in time, or only the room that is left to other peers.
            ShuttingDown: they are not wanted any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_room(count, peer, bulk=bulk) or not is_wanted(), timeout_s)
            if not is_wanted():
                raise draining()
            if not self._has_room(count, peer, bulk=bulk):
                raise self._refusal(count, bulk=bulk)
            self._of(bulk=bulk).add(peer, count)

    def end_waits(self) -> None:
        """Refuse what waits for room and is not wanted any more."""
        with self._changed:
            self._changed.notify_all()

    def grow(self, count: int, peer: str = "", *, bulk: bool = False) -> int:
        """Count up to so many more inputs of a peer, which others became. What is begun is never refused.

        Returns:
            How many were counted: those for which there is room, of which other peers keep their part.
        """
        with self._changed:
            counted = 0
            while counted < count and self._has_room(1, peer, bulk=bulk):
                counted += 1
                self._of(bulk=bulk).add(peer, 1)
            return counted

    def wait_empty(self, timeout_s: float) -> None:
        """Wait until no input is being served, or the time has passed."""
        with self._changed:
            self._changed.wait_for(lambda: self.inside == 0, timeout_s)

    def leave(self, peer: str = "", count: int = 1, *, bulk: bool = False) -> None:
        """Take note that inputs of a peer have their results, or their errors."""
        with self._changed:
            self._of(bulk=bulk).add(peer, -count)
            self._changed.notify_all()

    def _of(self, *, bulk: bool) -> Shares:
        return self._bulk if bulk else self._calls

    def _has_room(self, count: int, peer: str, *, bulk: bool) -> bool:
        if self._taken(bulk=bulk) + count > self.capacity:
            return False
        if bulk:
            return self._bulk_has_room(count) and self._bulk.has_room(peer, count)
        return self._calls.has_room(peer, count, besides=min(self._bulk.of(peer), self._most_bulk))

    def _taken(self, *, bulk: bool) -> int:
        return self.inside if bulk else self._calls.total + min(self._bulk.total, self._most_bulk)

    def _bulk_has_room(self, count: int) -> bool:
        return not self._bulk.total or self._bulk.total + count <= self._most_bulk

    def _refusal(self, count: int, *, bulk: bool) -> Overloaded:
        if self._taken(bulk=bulk) + count > self.capacity or (bulk and not self._bulk_has_room(count)):
            what = f"{self.inside} inputs are being served, the limit is {self.capacity} (OP_MAX_QUEUE)"
            return Overloaded(what + self._left(count, bulk=bulk), limit="items")
        return Overloaded(f"{self.inside} inputs are being served, nearly all from one address", limit="peer")

    def _left(self, count: int, *, bulk: bool) -> str:
        is_left = bulk and self._taken(bulk=bulk) + count <= self.capacity
        return f", of which {self.capacity - self._most_bulk} are left to calls" if is_left else ""
