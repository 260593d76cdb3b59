"""ASGI middleware that limits bodies while they arrive, in bytes and in time, before anything reads them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visop.errors import Overloaded
from visop.http.problems import BodyTooLarge, BodyTooSlow, UnsupportedBody, problem_of

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
        max_bodies: that arrive at the same time; memory is bounded by this times ``max_bytes``. One more takes the
            place of the slowest.
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

    Raises:
        BodyTooLarge, BodyTooSlow: from ``receive``, inside the application, which turns them into its answers.
    """

    def __init__(self, app: ASGIApp, *, rules: BodyRules) -> None:
        self._app, self._rules = app, rules
        self._bodies: set[_Body] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the body by what its head says of it, or hand it to the application part by part."""
        headers = Headers(scope=scope)
        if scope["type"] != "http" or not _has_body(headers):
            await self._app(scope, receive, send)
        elif refusal := self._refusal(headers):
            await problem_of(refusal)(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive, self._rules)
        self._bodies.add(body)
        try:
            await self._app(scope, body.receive, send)
        finally:
            self._bodies.discard(body)

    def _refusal(self, headers: Headers) -> BodyTooLarge | UnsupportedBody | Overloaded | None:
        encoding = headers.get("content-encoding", "identity")
        if encoding != "identity":
            return UnsupportedBody(f"Content-Encoding {encoding[:40]!r}: send the body as it is, not compressed")
        length = int(headers.get("content-length", "0"))  # h11 lets nothing but 20 digits through
        if length > self._rules.max_bytes:
            return _too_large(f"has {length:,} bytes", self._rules.max_bytes)
        arriving = [body for body in self._bodies if body.is_arriving]
        if len(arriving) >= self._rules.max_bodies and not _end_slowest(arriving):
            return Overloaded(f"{len(arriving)} requests are being received, which is the limit")
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
        size: bytes so far.
        is_arriving: whether more is waited for.
    """

    def __init__(self, receive: Receive, rules: BodyRules) -> None:
        self._receive, self._rules = receive, rules
        self._began = time.monotonic()
        self._limit: asyncio.Timeout | None = None
        self.size, self.is_arriving, self._complete = 0, True, False

    def age(self, now: float) -> float:
        """Seconds since its head came."""
        return now - self._began

    def refuse(self) -> None:
        """Wait for it no longer."""
        self.is_arriving = False
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
            raise BodyTooSlow(f"the body came too slowly: {self.size:,} bytes so far") from None
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
