"""The gRPC servicer: calls to the pipeline, results to replies, errors to statuses."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext

import grpc

from visop.errors import ShuttingDown
from visop.rpc import rpc_pb2, rpc_pb2_grpc
from visop.serving.admission import CallAdmission, Place, draining
from visop.serving.any_pipeline import AnyPipeline
from visop.serving.convert import crops_of, inputs_of, reply_of
from visop.serving.grpc_call import is_bulk_call, is_late, logged, peer_of_call, send_request_id, send_timing
from visop.serving.pipeline import Call
from visop.serving.request_log import RequestLog
from visop.serving.stream import Window
from visop.settings import Settings
from visop.tracing.current import current, ending

SERVICE_NAME = "omnisearch.Operator"

_StreamWindow = Window[rpc_pb2.ExecuteRequest, tuple[Call, rpc_pb2.ExecuteRequest]]


class OperatorServicer(rpc_pb2_grpc.OperatorServicer):
    """Serves the calls of ``rpc.proto`` with one pipeline."""

    def __init__(
        self, pipeline: AnyPipeline, calls: CallAdmission, identity: rpc_pb2.IdentityReply, settings: Settings
    ) -> None:
        self._pipeline, self._calls, self._identity, self._settings = pipeline, calls, identity, settings
        self._lock = threading.Lock()
        self._windows: dict[_StreamWindow, float] = {}  # since when
        self._ending = False

    def end_streams(self) -> None:
        """End open streams once they have answered what they have read. New calls are refused already."""
        with self._lock:
            self._ending = True
            for window in self._windows:
                window.end(draining())
        self._end_waits()

    def end_old_streams(self, age_s: float) -> None:
        """End streams that have been open for so long, in seconds, once they have answered what they have read."""
        since = time.monotonic() - age_s
        with self._lock:
            old = [window for window, began in self._windows.items() if began < since and window.is_open]
            for window in old:
                window.end(ShuttingDown(f"the stream has been open for {age_s:g} s; send the rest on another one"))
        if old:
            self._end_waits()

    def _end_waits(self) -> None:
        self._pipeline.end_waits()
        self._calls.end_waits()

    def Execute(self, request: rpc_pb2.ExecuteRequest, context: grpc.ServicerContext) -> rpc_pb2.ExecuteReply:
        """One vector for each input, or the error of the whole call."""
        inputs, peer = inputs_of(request), peer_of_call(context)
        late = is_late(context, sum(len(each.value) for each in inputs))  # ByteSize() would serialise the request
        entered = self._calls.entered(late=late, peer=peer, at_end=context.add_callback)
        with logged("Execute", context) as log, entered:
            crops = crops_of(request, self._settings)
            bulk, left_s = is_bulk_call(context), context.time_remaining()
            call = self._pipeline.start(inputs, left_s, bulk=bulk, peer=peer, crops=crops)
            if not context.add_callback(call.cancel):
                call.cancel()  # the caller has left already
            reply = _answer(call, request, log)
            send_request_id(context, log)
            send_timing(context, log)
            return reply

    def ExecuteStream(
        self, request_iterator: Iterator[rpc_pb2.ExecuteRequest], context: grpc.ServicerContext
    ) -> Iterator[rpc_pb2.ExecuteReply]:
        """A stream of calls, answered in order."""
        under_way: deque[Call] = deque()
        peer = peer_of_call(context)

        stream_span = current()

        def cancel() -> None:
            for call in under_way.copy():
                call.cancel()
                if call.span is not None:
                    call.span.end("CANCELLED")

        def start(request: rpc_pb2.ExecuteRequest) -> tuple[Call, rpc_pb2.ExecuteRequest]:
            place.begin()
            inputs, crops, left_s = inputs_of(request), crops_of(request, self._settings), context.time_remaining()
            with nullcontext() if stream_span is None else stream_span.child("message").entered():
                call = self._pipeline.start(
                    inputs, left_s, patient=True, bulk=True, is_wanted=lambda: window.is_open, peer=peer, crops=crops
                )
            under_way.append(call)
            return call, request

        # One callback for the whole stream: gRPC keeps every callback until the end, and so all that it refers to.
        context.add_callback(cancel)
        size, idle_s = self._settings.stream_window, self._settings.request_timeout_s
        window: _StreamWindow = Window(request_iterator, start, size=size, idle_s=idle_s)
        place = Place(self._calls, peer, idle_s, lambda: window.is_open)
        first, late = True, is_late(context)
        with (
            logged("ExecuteStream", context) as log,
            self._calls.opened(late=late, at_end=context.add_callback),
            closing(place),
            self._open(window, late),
        ):
            for call, request in window:
                with nullcontext() if call.span is None else ending(call.span):
                    reply = _answer(call, request, log)
                under_way.popleft()
                if first:
                    send_request_id(context, log)
                    first = False
                yield reply
                place.end()

    def Healthy(self, request: rpc_pb2.HealthyRequest, context: grpc.ServicerContext) -> rpc_pb2.HealthyReply:
        """``healthy``, or ``unhealthy:`` and why: for callers of the original contract."""
        trouble = self._pipeline.trouble()
        return rpc_pb2.HealthyReply(healthy=f"unhealthy: {trouble}" if trouble else "healthy")

    def Identity(self, request: rpc_pb2.IdentityRequest, context: grpc.ServicerContext) -> rpc_pb2.IdentityReply:
        """What this operator is; made once."""
        return self._identity

    @contextmanager
    def _open(self, window: _StreamWindow, late: bool) -> Iterator[None]:
        with self._lock:
            self._windows[window] = time.monotonic()
            if self._ending and not late:
                window.end(draining())
        try:
            with window:
                yield
        finally:
            with self._lock:
                self._windows.pop(window, None)
            self._calls.end_waits()


def _answer(call: Call, request: rpc_pb2.ExecuteRequest, log: RequestLog) -> rpc_pb2.ExecuteReply:
    results = call.results()
    log.add(call, results)
    return reply_of(call, results, partial=request.partial)
