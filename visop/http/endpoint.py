"""One HTTP request: its body to inputs, their vectors from the pipeline that gRPC uses, and the answer.

Everything that takes time runs in threads: as many as calls may be served, and some for requests that need no model.
The event loop only waits, so that health answers at any load.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from fastapi import FastAPI, Request, Response
from grpc import StatusCode
from starlette.requests import ClientDisconnect

from visop.errors import CallerGone, VisopError
from visop.http.body import JSON, Body
from visop.http.deadlines import Deadlines, timeout_of
from visop.http.middleware import REQUEST_ID
from visop.http.unread import UnreadAnswers
from visop.images.crops import CropOptions
from visop.rpc.statuses import code_of
from visop.serving.admission import CallAdmission, draining
from visop.serving.any_pipeline import HasWorkers
from visop.serving.peers import peer_of
from visop.serving.pipeline import Call, Input
from visop.serving.priority import PRIORITY, is_bulk
from visop.serving.request_log import TIMING, RequestLog
from visop.serving.steps import Result
from visop.settings import Settings
from visop.tracing.current import stage

logger = logging.getLogger("visop.request")

T = TypeVar("T")

Results = Sequence[Result | VisopError]

# Threads for requests that look something up and need no model: one that hangs there keeps no call from being served.
_LOOKUPS = 32

# Beyond a call's deadline: the pipeline, which can say more, says it first.
_GRACE_S = 0.1


@dataclass(frozen=True)
class Task:
    """What a request asks for.

    Attributes:
        inputs: what becomes vectors; none, if the answer needs no model.
        answer: their results to the body of the answer, or to all of it. May block. May raise a VisopError.
        crops: how a processor cuts out what it finds; None is as the settings say.
        media_type: of the answer.
        status: of the answer.
        is_work: whether ``answer`` takes as much as a call does, without inputs: it counts as one.
    """

    inputs: Sequence[Input]
    answer: Callable[[Results], bytes | Response]
    crops: CropOptions | None = None
    media_type: str = JSON
    status: int = 200
    is_work: bool = False


class TakesInputs(Protocol):
    """What a pipeline is to HTTP. See ``visop.serving.pipeline.Pipeline``."""

    def trouble(self) -> str | None:
        """Why results cannot be had now, or None if they can."""

    def start(
        self,
        inputs: Sequence[Input],
        timeout_s: float | None = None,
        *,
        bulk: bool = False,
        peer: str = "",
        crops: CropOptions | None = None,
    ) -> Call:
        """Begin to serve one call."""


class Endpoint:
    """Serves requests, each within its deadline and until it is given up.

    Attributes:
        answers: what clients have not read, a part of the bytes in flight over every protocol.
    """

    def __init__(self, pipeline: TakesInputs, calls: CallAdmission, settings: Settings) -> None:
        self._pipeline, self._calls, self._limit_s = pipeline, calls, settings.request_timeout_s
        self.answers = UnreadAnswers(calls.in_flight)
        self._pool = ThreadPoolExecutor(settings.max_calls, "visop-http")
        self._lookups = ThreadPoolExecutor(_LOOKUPS, "visop-http-look")
        self._deadlines = Deadlines(lambda: draining() if calls.draining else None)
        self._closing = False

    def give_up(self) -> None:
        """Answer what is still being served with ShuttingDown. In the thread of the event loop."""
        self._deadlines.give_up()

    def close(self) -> None:
        """Let the threads end as what they do ends; wait for none."""
        for pool in (self._pool, self._lookups):
            pool.shutdown(wait=False)

    def end_connections(self) -> None:
        """End each connection with its next answer."""
        self._closing = True

    @property
    def closing(self) -> bool:
        """Whether connections end with their answer."""
        return self._closing or self._calls.draining

    def trouble(self) -> str | None:
        """Why new calls would fail, or None: as the gRPC health service says."""
        return "shutting down" if self._calls.leaving else self._pipeline.trouble()

    def workers(self) -> str | None:
        """How many of the processes with the model take calls, such as ``3 of 4``; None if there is only this one."""
        return self._pipeline.ready if isinstance(self._pipeline, HasWorkers) else None

    async def serve(self, request: Request, parse: Callable[[Body], Task]) -> Response:
        """Serve one request.

        Args:
            request: its body not read yet.
            parse: runs in a thread.

        Raises:
            VisopError: as the same call over gRPC.
        """
        peer = _peer(request)
        with self._logged(request) as log, self._calls.received():
            timeout_s = timeout_of(request.headers, self._limit_s)
            deadline = time.monotonic() + timeout_s
            # Before the body is received. While draining no connection takes a second request, so this one is served.
            self._calls.check(late=True, peer=peer)
            async with self._deadlines.within(timeout_s + _GRACE_S):
                with stage("receive"):
                    data = [await _read(request)]
                with self._calls.entered(late=True, peer=peer):
                    # Popped, so that a large body is not kept while its inputs wait for the model.
                    content_type = request.headers.get("content-type", "")
                    task, answer = await _in_thread(self._pool, partial(_begun, parse, data, content_type))
                    if task.inputs:
                        answer = await self._call(task, deadline, request, peer, log)
                if answer is None:  # what needs no vector keeps no call from the model
                    answer = await _in_thread(self._lookups, partial(task.answer, ()))
            return _response(answer, task, {TIMING: log.timing()})

    async def look(self, request: Request, make: Callable[[], T]) -> T:
        """Serve a request that needs no model.

        Args:
            request: has no body.
            make: makes the answer, in a thread; may block.

        Raises:
            VisopError: what ``make`` raises; or the deadline passed, or the operator is closed.
        """
        if self._calls.closed:
            raise draining()
        async with self._deadlines.within(timeout_of(request.headers, self._limit_s)):
            return await _in_thread(self._lookups, make)

    async def _call(
        self, task: Task, deadline: float, request: Request, peer: str, log: RequestLog
    ) -> bytes | Response:
        left_s = deadline - time.monotonic()
        bulk = is_bulk(request.headers.get(PRIORITY))
        call = self._pipeline.start(task.inputs, left_s, bulk=bulk, peer=peer, crops=task.crops)
        watch = asyncio.create_task(_cancel_when_gone(call, request))
        try:
            results = await _in_thread(self._pool, call.results)
        finally:
            watch.cancel()
            call.cancel()  # of use only if this task was cancelled: else there is nothing left to cancel
        log.add(call, results)
        return await _in_thread(self._pool, partial(task.answer, results))

    @contextmanager
    def _logged(self, request: Request) -> Iterator[RequestLog]:
        """The error boundary: each call is one line in the log; what nobody expected becomes a fixed text."""
        log = RequestLog(
            f"{request.method} {request.scope['route'].path}",
            request.scope[REQUEST_ID],
            "{}:{}".format(*request.client) if request.client else "",
        )
        error: VisopError
        try:
            yield log
            log.end("OK")
            return
        except asyncio.CancelledError:  # the server gives up waiting for the call
            log.end(StatusCode.CANCELLED.name)
            raise
        except VisopError as known:
            error = known
        except ClientDisconnect:
            error = CallerGone("the caller left")
        except Exception:  # whatever it is, the caller gets a problem and no traceback
            logger.exception("a call failed, id=%s", log.request_id)
            error = VisopError("internal error")
        log.end(code_of(error).name, error)
        raise error


#: Adds the routes of an interface to the application; the endpoint serves their requests.
Extend = Callable[[FastAPI, Endpoint], None]


def _begun(parse: Callable[[Body], Task], data: list[bytes], content_type: str) -> tuple[Task, bytes | Response | None]:
    """The task of a body, which is taken out of ``data``; and its answer, if it is work that needs no vector."""
    task = parse(Body(data.pop(), content_type))
    return task, task.answer(()) if task.is_work and not task.inputs else None


def _response(answer: bytes | Response, task: Task, headers: Mapping[str, str]) -> Response:
    if isinstance(answer, Response):
        answer.headers.update(headers)
        return answer
    return Response(answer, task.status, headers, media_type=task.media_type)


def _peer(request: Request) -> str:
    return peer_of(request.client.host) if request.client else ""


async def _in_thread(pool: ThreadPoolExecutor, function: Callable[[], T]) -> T:
    """Run a function in a thread, which is told of the current span."""
    return await asyncio.get_running_loop().run_in_executor(pool, copy_context().run, function)


async def _read(request: Request) -> bytes:
    return b"".join([part async for part in request.stream()])


async def _cancel_when_gone(call: Call, request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass  # the end of a body that was read
    call.cancel()
