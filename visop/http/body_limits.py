"""ASGI middleware that limits bodies while they arrive, in bytes and in time, before anything reads them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visop.errors import Overloaded, VisopError
from visop.http.problems import BodyTooLarge, BodyTooSlow, UnsupportedBody, problem_of
from visop.http.unread import UnreadAnswers
from visop.metrics.pictures import count_refusal
from visop.serving.peers import peer_of

# A body that has come for less is not judged by its rate.
_YOUNG_S = 0.1


@dataclass(frozen=True)
class BodyRules:
    """What a body may take.

    Attributes:
        max_bytes: of one body.
        max_time_s: for one body to arrive.
        silence_s: a client that sends nothing for so long in the middle of a body is not waited for.
        slowest_bytes_s: bytes per second that must have come on average, once ``silence_s`` have passed.
        max_bodies: that arrive at the same time. One more takes the place of the slowest.
    """

    max_bytes: int
    max_time_s: float
    silence_s: float
    slowest_bytes_s: float
    max_bodies: int


class BodyLimits:
    """What an application receives through it stays within the limits, or raises.

    Args:
        app: what is protected.
        rules: the limits.
        answers: those that nobody has read, which give way first. Bodies are counted with them, from their arrival to
            the answer.

    Raises:
        BodyTooLarge, BodyTooSlow, Overloaded: from ``receive``, inside the application, which makes answers of them.
    """

    def __init__(self, app: ASGIApp, *, rules: BodyRules, answers: Callable[[], UnreadAnswers]) -> None:
        self._app, self._rules, self._answers = app, rules, answers
        self._bodies: set[_Body] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the body by what its head says of it, or hand it to the application part by part."""
        headers = Headers(scope=scope)
        if scope["type"] != "http" or not _has_body(headers):
            await self._app(scope, receive, send)
        elif refusal := self._refusal(headers):
            count_refusal(refusal)
            await problem_of(refusal)(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive, self._rules, peer_of(scope["client"][0]) if scope.get("client") else "")
        self._bodies.add(body)

        async def receive_part() -> Message:
            before = body.size
            message = await body.receive()
            self._hold(body, body.size - before)
            return message

        async def send_in_place(message: Message) -> None:
            self._release(body)  # from here on, the answer is what is held
            await send(message)

        try:
            await self._app(scope, receive_part, send_in_place)
        finally:
            self._bodies.discard(body)
            self._release(body)

    def _hold(self, body: _Body, size: int) -> None:
        """Count more of a body. If that is more than may be, refuse the largest of the peer that holds most."""
        in_flight = self._answers().in_flight
        in_flight.add(body.peer, size)
        body.held += size
        if in_flight.over > 0:
            self._answers().make_room()
        if in_flight.over > 0:
            arriving = [each for each in self._bodies if each.is_arriving or each is body]
            largest = max(arriving, key=lambda each: (in_flight.of(each.peer), each.held))
            if in_flight.may_hold(largest.peer):
                return  # others are to give way
            error = in_flight.too_many()
            largest.refuse(error)
            self._release(largest)
            if largest is body:
                raise error

    def _release(self, body: _Body) -> None:
        self._answers().in_flight.add(body.peer, -body.held)
        body.held = 0

    def _refusal(self, headers: Headers) -> BodyTooLarge | UnsupportedBody | Overloaded | None:
        encoding = headers.get("content-encoding", "identity")
        if encoding != "identity":
            return UnsupportedBody(f"Content-Encoding {encoding[:40]!r}: send the body as it is, not compressed")
        length = int(headers.get("content-length", "0"))  # h11 lets nothing but 20 digits through
        if length > self._rules.max_bytes:
            return _too_large(f"has {length:,} bytes", self._rules.max_bytes)
        arriving = [body for body in self._bodies if body.is_arriving]
        if len(arriving) >= self._rules.max_bodies and not _end_slowest(arriving):
            return Overloaded(f"{len(arriving)} requests are being received, which is the limit", limit="bodies")
        return None


def _end_slowest(bodies: Collection[_Body]) -> bool:
    """Refuse one body that is arriving, so that another one may; False if all have only begun.

    Were the new one refused, as many clients as there are places could keep all others out at a byte a second.
    """
    now = time.monotonic()
    old = [body for body in bodies if body.age(now) >= _YOUNG_S]
    if old:
        min(old, key=lambda body: body.size / body.age(now)).refuse()
    return bool(old)


class _Body:
    """One body that is arriving.

    Attributes:
        peer: from where it comes.
        size: bytes so far.
        held: those that are counted as held.
        is_arriving: whether more is waited for.
    """

    def __init__(self, receive: Receive, rules: BodyRules, peer: str) -> None:
        self._receive, self._rules, self.peer = receive, rules, peer
        self._refusal: VisopError | None = None
        self._began = time.monotonic()
        self._limit: asyncio.Timeout | None = None
        self.size, self.held, self.is_arriving, self._complete = 0, 0, True, False

    def age(self, now: float) -> float:
        """Seconds since its head came."""
        return now - self._began

    def refuse(self, error: VisopError | None = None) -> None:
        """Wait for it no longer, because of an error, or else because it comes slowly."""
        self.is_arriving, self._refusal = False, error
        if self._limit and not self._limit.expired():
            self._limit.reschedule(0)

    async def receive(self) -> Message:
        """The next part of the body; once it is complete, the next event of the connection."""
        if self._complete:
            return await self._receive()
        message = await self._next()
        self.size += len(message.get("body", b""))
        if self.size > self._rules.max_bytes:
            raise _too_large(f"has at least {self.size:,} bytes", self._rules.max_bytes)
        self._complete = not message.get("more_body", False)
        self.is_arriving = self.is_arriving and not self._complete
        return message

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout(self._wait_s() if self.is_arriving else 0) as self._limit:
                return await self._receive()
        except TimeoutError:
            raise self._refusal or BodyTooSlow(f"the body came too slowly: {self.size:,} bytes so far") from None
        finally:
            self._limit = None

    def _wait_s(self) -> float:
        """For the next part."""
        rules, age = self._rules, self.age(time.monotonic())
        in_time = min(rules.max_time_s, rules.silence_s + self.size / rules.slowest_bytes_s) - age
        return max(0.0, min(rules.silence_s, in_time))


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _too_large(size: str, limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body {size}, the limit is {limit:,}")
