"""One HTTP request through the house: body -> inputs -> the pipeline that gRPC uses -> answer.

Everything that takes time runs in threads: as many as calls may be served, and some for requests that need no model.
The event loop only waits, so that health answers at any load.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from fastapi import Request, Response
from grpc import StatusCode
from starlette.requests import ClientDisconnect

from visop.contract import Vector
from visop.errors import CallerGone, DeadlinePassed, InvalidInput, VisopError
from visop.http.middleware import REQUEST_ID
from visop.rpc.statuses import code_of
from visop.serving.admission import CallAdmission, draining
from visop.serving.pipeline import Call, Pipeline, Source
from visop.serving.request_log import Report
from visop.settings import Settings

_log = logging.getLogger("visop.request")

T = TypeVar("T")

Results = Sequence[Vector | VisopError]

# Requests that look something up and need no model: what hangs there keeps no call from being served.
_LOOKS = 32

# Beyond a call's deadline: the pipeline, which can say more, says it first.
_GRACE_S = 0.1


@dataclass(frozen=True)
class Task:
    """What a request asks for.

    Attributes:
        sources: the inputs that become vectors.
        answer: their results to the body of the answer, in JSON. May block. May raise an VisopError.
    """

    sources: Sequence[Source]
    answer: Callable[[Results], bytes]


@dataclass(frozen=True)
class Body:
    """A body that has arrived, and what it says it is."""

    data: bytes
    content_type: str

    @property
    def media_type(self) -> str:
        """The type without its parameters, such as ``application/json``."""
        return self.content_type.partition(";")[0].strip().lower()


class Endpoint:
    """Serves requests, each within its deadline and until it is given up."""

    def __init__(self, pipeline: Pipeline, calls: CallAdmission, settings: Settings) -> None:
        self._pipeline, self._calls, self._settings = pipeline, calls, settings
        self._pool = ThreadPoolExecutor(settings.max_calls, "visop-http")
        self._lookers = ThreadPoolExecutor(_LOOKS, "visop-http-look")
        self._limits: set[asyncio.Timeout] = set()

    def give_up(self) -> None:
        """Answer what is still being served with ShuttingDown. In the thread of the event loop."""
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(0)

    def close(self) -> None:
        """Give the threads back as what they do ends; wait for none."""
        for pool in (self._pool, self._lookers):
            pool.shutdown(wait=False)

    @property
    def closing(self) -> bool:
        """Whether the operator is draining."""
        return self._calls.closed

    def trouble(self) -> str | None:
        """Why new calls would fail, or None: the truth that the gRPC health service tells, too."""
        return "shutting down" if self._calls.closed else self._pipeline.trouble()

    async def serve(self, request: Request, parse: Callable[[Body], Task]) -> Response:
        """Serve one request.

        Args:
            request: its body not read yet.
            parse: runs in a thread.

        Raises:
            VisopError: as the same call over gRPC.
        """
        with self._reported(request) as report:
            timeout_s = self._timeout_s(request)
            deadline = time.monotonic() + timeout_s
            self._calls.check()  # before the body is paid for
            async with self._limited(timeout_s + _GRACE_S):
                data = [await _read(request)]
                with self._calls.entered():
                    # Popped, so that a large body is not kept while its inputs wait for the model.
                    content_type = request.headers.get("content-type", "")
                    task = await _in_thread(self._pool, partial(parse, Body(data.pop(), content_type)))
                    call = self._pipeline.start(task.sources, deadline - time.monotonic())
                    results = await self._results(call, request)
                    report.add(call, results)
                    answer = await _in_thread(self._pool, partial(task.answer, results))
            return Response(answer, media_type="application/json")

    async def look(self, request: Request, make: Callable[[], Response]) -> Response:
        """Serve a request that needs no model.

        Args:
            request: has no body.
            make: makes the answer, in a thread; may block.

        Raises:
            VisopError: what ``make`` raises; or the deadline passed, or the operator is draining.
        """
        if self._calls.closed:
            raise draining()
        async with self._limited(self._timeout_s(request)):
            return await _in_thread(self._lookers, make)

    @asynccontextmanager
    async def _limited(self, timeout_s: float) -> AsyncIterator[None]:
        """Wait no longer than so many seconds, and not once all is given up. Threads go on: nobody can stop those."""
        try:
            async with asyncio.timeout(timeout_s) as limit:
                self._limits.add(limit)
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise (
                draining() if self._calls.closed else DeadlinePassed("the deadline passed before the answer")
            ) from None
        finally:
            self._limits.discard(limit)

    async def _results(self, call: Call, request: Request) -> Results:
        watch = asyncio.create_task(_cancel_when_gone(call, request))
        try:
            return await _in_thread(self._pool, call.results)
        finally:
            watch.cancel()
            call.cancel()  # of use only if this task was cancelled: else there is nothing left to cancel

    def _timeout_s(self, request: Request) -> float:
        text = request.headers.get("x-request-timeout")
        if text is None:
            return self._settings.request_timeout_s
        try:
            timeout_s = float(text)
        except ValueError:
            timeout_s = math.nan
        if not timeout_s > 0:
            raise InvalidInput(f"X-Request-Timeout {text[:40]!r}: must be a number of seconds above 0")
        return min(timeout_s, self._settings.request_timeout_s)

    @contextmanager
    def _reported(self, request: Request) -> Iterator[Report]:
        """The error boundary: each call is one line in the log; what nobody expected becomes a fixed text."""
        report = Report(
            f"{request.method} {request.scope['route'].path}",
            request.scope[REQUEST_ID],
            "{}:{}".format(*request.client) if request.client else "",
        )
        error: VisopError
        try:
            yield report
            report.end("OK")
            return
        except asyncio.CancelledError:  # the server gives up waiting for the call
            report.end(StatusCode.CANCELLED.name)
            raise
        except VisopError as err:
            error = err
        except ClientDisconnect:
            error = CallerGone("the caller left")
        except Exception:  # noqa: BLE001 - the boundary: whatever it is, the caller gets a problem and no traceback
            _log.exception("a call failed, id=%s", report.request_id)
            error = VisopError("internal error")
        report.end(code_of(error).name, error)
        raise error


async def _in_thread(pool: ThreadPoolExecutor, function: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, function)


async def _read(request: Request) -> bytes:
    return b"".join([part async for part in request.stream()])


async def _cancel_when_gone(call: Call, request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass  # the end of a body that was read
    call.cancel()
