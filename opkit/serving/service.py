"""The gRPC servicer, and the one place where errors become statuses."""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import grpc
from grpc_status import rpc_status

from opkit.contract import Vector
from opkit.errors import CallerGone, OperatorError, Overloaded, ShuttingDown
from opkit.serving.convert import reply_of, sources_of, status_of
from opkit.serving.logs import log_event
from opkit.serving.pipeline import Call, Pipeline
from opkit.serving.stream import Window
from opkit.settings import Settings
from rpc import rpc_pb2, rpc_pb2_grpc

SERVICE_NAME = "omnisearch.Operator"

_log = logging.getLogger("opkit.request")

_StreamWindow = Window[rpc_pb2.ExecuteRequest, tuple[Call, rpc_pb2.ExecuteRequest]]


class OperatorServicer(rpc_pb2_grpc.OperatorServicer):
    """Convert, call the pipeline, convert back."""

    def __init__(self, pipeline: Pipeline, identity: rpc_pb2.IdentityReply, settings: Settings) -> None:
        self._pipeline, self._identity, self._settings = pipeline, identity, settings
        self._lock = threading.Lock()
        self._accepted = 0
        self._draining = False
        self._windows: set[_StreamWindow] = set()

    @property
    def accepted(self) -> int:
        """Execute calls and streams that are being served now."""
        return self._accepted

    def drain(self) -> None:
        """Refuse new calls, and end open streams once they have answered what they read."""
        with self._lock:
            self._draining = True
            for window in self._windows:
                window.end(_draining())

    def Execute(self, request: rpc_pb2.ExecuteRequest, context: grpc.ServicerContext) -> rpc_pb2.ExecuteReply:
        """Serve one call."""
        with self._boundary("Execute", context) as report, self._slot():
            call = self._pipeline.start(sources_of(request), context.time_remaining())
            if not context.add_callback(call.cancel):
                call.cancel()  # the caller has left already
            return _answer(call, request, report)

    def ExecuteStream(
        self, request_iterator: Iterator[rpc_pb2.ExecuteRequest], context: grpc.ServicerContext
    ) -> Iterator[rpc_pb2.ExecuteReply]:
        """Serve a stream of calls, in order."""
        under_way: deque[Call] = deque()

        def cancel() -> None:
            for call in under_way.copy():
                call.cancel()

        def start(request: rpc_pb2.ExecuteRequest) -> tuple[Call, rpc_pb2.ExecuteRequest]:
            call = self._pipeline.start(sources_of(request), context.time_remaining(), patient=True)
            under_way.append(call)
            return call, request

        # One callback for the whole stream: gRPC keeps every callback until the end, and so all that it refers to.
        context.add_callback(cancel)
        size, idle_s = self._settings.stream_window, self._settings.request_timeout_s
        with (
            self._boundary("ExecuteStream", context) as report,
            self._slot(),
            self._open(Window(request_iterator, start, size=size, idle_s=idle_s)) as window,
        ):
            for call, request in window:
                reply = _answer(call, request, report)
                under_way.popleft()
                yield reply

    def Healthy(self, request: rpc_pb2.HealthyRequest, context: grpc.ServicerContext) -> rpc_pb2.HealthyReply:
        """Say whether the model works."""
        trouble = self._pipeline.trouble()
        return rpc_pb2.HealthyReply(healthy=f"unhealthy: {trouble}" if trouble else "healthy")

    def Identity(self, request: rpc_pb2.IdentityRequest, context: grpc.ServicerContext) -> rpc_pb2.IdentityReply:
        """Say what this operator is."""
        return self._identity

    @contextmanager
    def _slot(self) -> Iterator[None]:
        with self._lock:
            if self._draining:
                raise _draining()
            if self._accepted >= self._settings.max_calls:
                raise Overloaded(f"{self._accepted} calls are being served, which is the limit")
            self._accepted += 1
        try:
            yield
        finally:
            with self._lock:
                self._accepted -= 1

    @contextmanager
    def _open(self, window: _StreamWindow) -> Iterator[_StreamWindow]:
        with self._lock:
            self._windows.add(window)
            if self._draining:
                window.end(_draining())
        try:
            with window:
                yield window
        finally:
            with self._lock:
                self._windows.discard(window)

    @contextmanager
    def _boundary(self, rpc: str, context: grpc.ServicerContext) -> Iterator[_Report]:
        """The one error boundary: known errors tell their text, anything else a fixed one; each call is one line."""
        report = _Report(rpc, context)
        error: OperatorError
        try:
            yield report
            report.log(logging.INFO, "OK")
            return
        except GeneratorExit:  # gRPC gave up a stream whose caller left
            report.log(logging.INFO, grpc.StatusCode.CANCELLED.name)
            raise
        except OperatorError as err:
            error = err
        except Exception:  # noqa: BLE001 - the boundary: whatever it is, the caller gets a status and no traceback
            error = OperatorError("internal error")
            if context.is_active():
                _log.exception("a call failed, id=%s", report.request_id)
            else:
                error = CallerGone("the caller left")  # reading from a stream that is gone raises
        report.log(logging.WARNING if error.code is grpc.StatusCode.INTERNAL else logging.INFO, error.code.name, error)
        _abort(context, error)


def _draining() -> ShuttingDown:
    return ShuttingDown("the operator is shutting down; send the rest again")


def _answer(call: Call, request: rpc_pb2.ExecuteRequest, report: _Report) -> rpc_pb2.ExecuteReply:
    results = call.results()
    report.add(call, results)
    return reply_of(call.sources, results, partial=request.partial)


def _abort(context: grpc.ServicerContext, error: OperatorError) -> NoReturn:
    context.abort_with_status(rpc_status.to_status(status_of(error)))


class _Report:
    """What the log says of one call."""

    def __init__(self, rpc: str, context: grpc.ServicerContext) -> None:
        self.request_id = _request_id(context)
        context.send_initial_metadata((("x-request-id", self.request_id),))
        self._rpc, self._peer, self._started = rpc, context.peer(), time.monotonic()
        self._items = self._failed = self._largest_batch = 0
        self._spans_s: dict[str, float] = {}

    def add(self, call: Call, results: Sequence[Vector | OperatorError]) -> None:
        self._items += len(results)
        self._failed += sum(isinstance(result, OperatorError) for result in results)
        self._largest_batch = max([self._largest_batch, *(job.batch_size for job in call.jobs)])
        for stage, span in call.spans_s().items():
            self._spans_s[stage] = self._spans_s.get(stage, 0.0) + span

    def log(self, level: int, code: str, error: OperatorError | None = None) -> None:
        if not _log.isEnabledFor(level):
            return
        fields: dict[str, object] = {"id": self.request_id, "rpc": self._rpc, "code": code, "peer": self._peer}
        fields |= {"items": self._items, "failed": self._failed, "batch": self._largest_batch}
        fields["ms"] = _ms(time.monotonic() - self._started)
        fields |= {f"{stage}_ms": _ms(span) for stage, span in self._spans_s.items()}
        if error is not None:
            fields["error"] = str(error)
        log_event(_log, level, "call", fields)


def _ms(span_s: float) -> float:
    return round(span_s * 1000, 1)


def _request_id(context: grpc.ServicerContext) -> str:
    """The caller's ``x-request-id`` if it is harmless in a log, else a new one."""
    for key, value in context.invocation_metadata():
        if key == "x-request-id" and isinstance(value, str) and re.fullmatch(r"[\w.:-]{1,64}", value, re.ASCII):
            return value
    return uuid.uuid4().hex[:16]
