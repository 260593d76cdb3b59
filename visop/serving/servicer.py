"""The gRPC servicer: calls to the pipeline, results to replies, errors to statuses."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import NoReturn

import grpc
from grpc_status import rpc_status

from visop.errors import BadItems, CallerGone, VisopError
from visop.rpc import rpc_pb2, rpc_pb2_grpc
from visop.rpc.statuses import code_of
from visop.serving.admission import CallAdmission, draining
from visop.serving.convert import crops_of, inputs_of, reply_of, status_of
from visop.serving.peers import peer_of_grpc
from visop.serving.pipeline import Call, Pipeline
from visop.serving.request_log import REQUEST_ID, RequestLog, request_id_of_call
from visop.serving.stream import Window
from visop.settings import Settings

SERVICE_NAME = "omnisearch.Operator"

# gRPC's own clients count in it what they tried (https://github.com/grpc/proposal/blob/master/A6-client-retries.md).
_TRIED_BEFORE = "grpc-previous-rpc-attempts"
# Of larger calls gRPC's clients keep no copy, and so never try them again (GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE).
_RETRIED_BYTES = 250_000
# A client whose policy is to retry UNAVAILABLE would send a whole call again because the server of one URL is busy.
# This keeps it from that (https://github.com/grpc/proposal/blob/master/A6-client-retries.md, "Pushback"); the details
# of the status say what failed, and when to send that again.
_NO_RETRY = (("grpc-retry-pushback-ms", "-1"),)

logger = logging.getLogger("visop.request")

_StreamWindow = Window[rpc_pb2.ExecuteRequest, tuple[Call, rpc_pb2.ExecuteRequest]]


class OperatorServicer(rpc_pb2_grpc.OperatorServicer):
    """Serves the calls of ``rpc.proto`` with one pipeline."""

    def __init__(
        self, pipeline: Pipeline, calls: CallAdmission, identity: rpc_pb2.IdentityReply, settings: Settings
    ) -> None:
        self._pipeline, self._calls, self._identity, self._settings = pipeline, calls, identity, settings
        self._lock = threading.Lock()
        self._windows: set[_StreamWindow] = set()
        self._ending = False

    def end_streams(self) -> None:
        """End open streams once they have answered what they have read. New calls are refused already."""
        with self._lock:
            self._ending = True
            for window in self._windows:
                window.end(draining())
        self._pipeline.end_waits()

    def Execute(self, request: rpc_pb2.ExecuteRequest, context: grpc.ServicerContext) -> rpc_pb2.ExecuteReply:
        """One vector for each input, or the error of the whole call."""
        inputs, peer = inputs_of(request), _peer(context)
        late = _is_late(context, sum(len(each.value) for each in inputs))  # ByteSize() would serialise the request
        with self._boundary("Execute", context) as log, self._entered(context, late, peer):
            crops = crops_of(request, self._settings)
            call = self._pipeline.start(inputs, context.time_remaining(), peer=peer, crops=crops)
            if not context.add_callback(call.cancel):
                call.cancel()  # the caller has left already
            reply = _answer(call, request, log)
            _send_request_id(context, log)
            return reply

    def ExecuteStream(
        self, request_iterator: Iterator[rpc_pb2.ExecuteRequest], context: grpc.ServicerContext
    ) -> Iterator[rpc_pb2.ExecuteReply]:
        """A stream of calls, answered in order."""
        under_way: deque[Call] = deque()
        peer = _peer(context)

        def cancel() -> None:
            for call in under_way.copy():
                call.cancel()

        def start(request: rpc_pb2.ExecuteRequest) -> tuple[Call, rpc_pb2.ExecuteRequest]:
            inputs, crops, left_s = inputs_of(request), crops_of(request, self._settings), context.time_remaining()
            call = self._pipeline.start(
                inputs, left_s, patient=True, is_wanted=lambda: window.is_open, peer=peer, crops=crops
            )
            under_way.append(call)
            return call, request

        # One callback for the whole stream: gRPC keeps every callback until the end, and so all that it refers to.
        context.add_callback(cancel)
        size, idle_s = self._settings.stream_window, self._settings.request_timeout_s
        window: _StreamWindow = Window(request_iterator, start, size=size, idle_s=idle_s)
        first, late = True, _is_late(context)
        with (
            self._boundary("ExecuteStream", context) as log,
            self._entered(context, late, peer),
            self._open(window, late),
        ):
            for call, request in window:
                reply = _answer(call, request, log)
                under_way.popleft()
                if first:
                    _send_request_id(context, log)
                    first = False
                yield reply

    def Healthy(self, request: rpc_pb2.HealthyRequest, context: grpc.ServicerContext) -> rpc_pb2.HealthyReply:
        """``healthy``, or ``unhealthy:`` and why: for callers of the original contract."""
        trouble = self._pipeline.trouble()
        return rpc_pb2.HealthyReply(healthy=f"unhealthy: {trouble}" if trouble else "healthy")

    def Identity(self, request: rpc_pb2.IdentityRequest, context: grpc.ServicerContext) -> rpc_pb2.IdentityReply:
        """What this operator is; made once."""
        return self._identity

    def _entered(self, context: grpc.ServicerContext, late: bool, peer: str) -> AbstractContextManager[None]:
        """Count a call until gRPC has sent its answer."""
        return self._calls.entered(late=late, peer=peer, at_end=context.add_callback)

    @contextmanager
    def _open(self, window: _StreamWindow, late: bool) -> Iterator[None]:
        with self._lock:
            self._windows.add(window)
            if self._ending and not late:
                window.end(draining())
        try:
            with window:
                yield
        finally:
            with self._lock:
                self._windows.discard(window)

    @contextmanager
    def _boundary(self, rpc: str, context: grpc.ServicerContext) -> Iterator[RequestLog]:
        """Known errors become a status with their text, anything else one with a fixed text. Logs one line per call.

        Nothing may be sent before the first answer: clients try a call again only if its status came alone.
        """
        log = RequestLog(rpc, request_id_of_call(context), context.peer())
        error: VisopError
        try:
            yield log
            log.end("OK")
            return
        except GeneratorExit:  # gRPC gave up a stream whose caller left
            log.end(grpc.StatusCode.CANCELLED.name)
            raise
        except VisopError as known:
            error = known
        except Exception:  # whatever it is, the caller gets a status and no traceback
            error = VisopError("internal error")
            if context.is_active():
                logger.exception("a call failed, id=%s", log.request_id)
            else:
                error = CallerGone("the caller left")  # reading from a stream that is gone raises
        log.end(code_of(error).name, error)
        _abort(context, error, log)


def _answer(call: Call, request: rpc_pb2.ExecuteRequest, log: RequestLog) -> rpc_pb2.ExecuteReply:
    results = call.results()
    log.add(call, results)
    return reply_of(call, results, partial=request.partial)


def _is_late(context: grpc.ServicerContext, size: int = 0) -> bool:
    """Whether a client may not try a call again: it has tried before, or the call is too large to be kept for that."""
    return size > _RETRIED_BYTES or _TRIED_BEFORE in dict(context.invocation_metadata())


def _send_request_id(context: grpc.ServicerContext, log: RequestLog) -> None:
    context.send_initial_metadata(((REQUEST_ID, log.request_id),))


@dataclass(frozen=True)
class _Status(grpc.Status):
    """What ``abort_with_status`` takes."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


def _abort(context: grpc.ServicerContext, error: VisopError, log: RequestLog) -> NoReturn:
    status = rpc_status.to_status(status_of(error))
    trailers = ((REQUEST_ID, log.request_id), *status.trailing_metadata)
    trailers += _NO_RETRY if isinstance(error, BadItems) else ()
    context.abort_with_status(_Status(status.code, status.details, trailers))


def _peer(context: grpc.ServicerContext) -> str:
    return peer_of_grpc(context.peer())
