"""ASGI middleware that limits bodies while they arrive, in bytes and in time, before anything reads them."""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visop.errors import Overloaded
from visop.http.problems import BodyTooLarge, BodyTooSlow, UnsupportedBody, problem_of


class BodyLimits:
    """What an application receives through it stays within the limits, or raises.

    Args:
        app: what is protected.
        max_bytes: of one body.
        max_time_s: for one body to arrive.
        silence_s: a client that sends nothing for so long in the middle of a body is not waited for.
        max_bodies: that arrive at the same time; memory is bounded by this times ``max_bytes``.

    Raises:
        BodyTooLarge, BodyTooSlow: from ``receive``, inside the application, which turns them into its answers.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, max_time_s: float, silence_s: float, max_bodies: int) -> None:
        self._app, self._max_bytes, self._max_bodies = app, max_bytes, max_bodies
        self._max_time_s, self._silence_s = max_time_s, silence_s
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
        body = _Body(receive, self._max_bytes, self._max_time_s, self._silence_s)
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
        if length > self._max_bytes:
            return _too_large(f"has {length:,} bytes", self._max_bytes)
        arriving = sum(not body.complete for body in self._bodies)
        if arriving >= self._max_bodies:
            return Overloaded(f"{arriving} requests are being received, which is the limit")
        return None


class _Body:
    """One body that is arriving."""

    def __init__(self, receive: Receive, max_bytes: int, max_time_s: float, silence_s: float) -> None:
        self._receive, self._max_bytes, self._silence_s, self._size = receive, max_bytes, silence_s, 0
        self._ends = time.monotonic() + max_time_s
        self.complete = False

    async def receive(self) -> Message:
        """The next part of the body; once it is complete, the next event of the connection."""
        if self.complete:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), min(self._silence_s, self._ends - time.monotonic()))
        except TimeoutError:
            raise BodyTooSlow(f"the body came too slowly: {self._size:,} bytes so far") from None
        self._size += len(message.get("body", b""))
        if self._size > self._max_bytes:
            raise _too_large(f"has at least {self._size:,} bytes", self._max_bytes)
        self.complete = not message.get("more_body", False)
        return message


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _too_large(size: str, limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body {size}, the limit is {limit:,}")
