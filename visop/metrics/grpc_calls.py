"""Count the calls of a gRPC server by the names that the libraries for Go and Java gave these metrics, and trace them.

See https://github.com/grpc-ecosystem/go-grpc-middleware/tree/main/providers/prometheus, so that dashboards made for
those show this server, too.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import grpc
from prometheus_client import Counter, Histogram

from visop.metrics.registry import REGISTRY, SECONDS, exemplar
from visop.tracing.grpc_calls import begin_call, end_call

# gRPC's classes are generic for type checkers only.
Handler = Any

_NAMES = ["grpc_type", "grpc_service", "grpc_method"]

STARTED = Counter("grpc_server_started_total", "Calls that were begun.", _NAMES, registry=REGISTRY)
HANDLED = Counter("grpc_server_handled_total", "Calls that ended.", [*_NAMES, "grpc_code"], registry=REGISTRY)
RECEIVED = Counter("grpc_server_msg_received_total", "Messages that calls received.", _NAMES, registry=REGISTRY)
SENT = Counter("grpc_server_msg_sent_total", "Messages that were sent.", _NAMES, registry=REGISTRY)
SPENT = Histogram(
    "grpc_server_handling_seconds",
    "From a call's beginning in the server to its end.",
    _NAMES,
    buckets=SECONDS,
    registry=REGISTRY,
)


def types_of(modules: Iterable[Any]) -> dict[str, str]:
    """Return the type of each method, by its full name such as ``/package.Service/Method``.

    Args:
        modules: generated from protobuf files.
    """
    types = {}
    for module in modules:
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                types[f"/{service.full_name}/{method.name}"] = _type(method.client_streaming, method.server_streaming)
    return types


def _type(client_streaming: bool, server_streaming: bool) -> str:
    if client_streaming:
        return "bidi_stream" if server_streaming else "client_stream"
    return "server_stream" if server_streaming else "unary"


_NONE_LEFT = object()


class CountCalls(grpc.ServerInterceptor):
    """Counts what the server answers, also what interceptors behind this one refuse. Has to be the first of them.

    What is counted is traced, too, if anything is.

    Args:
        types: as ``types_of`` makes them. Others are not counted, so that callers cannot make series.
    """

    def __init__(self, types: Mapping[str, str]) -> None:
        self._series = {method: _Series(method, type_) for method, type_ in types.items()}

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Handler], handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """Return the handler of a method, counted; None if there is no such method."""
        handler = continuation(handler_call_details)
        series = self._series.get(handler_call_details.method)
        return handler if handler is None or series is None else _counted(handler, series)


class _Series:
    """The metrics of one method."""

    def __init__(self, method: str, type_: str) -> None:
        self.method = method
        _, service, name = method.split("/")
        self._labels = (type_, service, name)
        self.started, self.spent = STARTED.labels(*self._labels), SPENT.labels(*self._labels)
        self.received, self.sent = RECEIVED.labels(*self._labels), SENT.labels(*self._labels)
        self._handled = {"OK": HANDLED.labels(*self._labels, "OK")}

    def handled(self, code: str) -> Counter:
        """The series of a status; made when it is first needed."""
        if code not in self._handled:
            self._handled[code] = HANDLED.labels(*self._labels, code)
        return self._handled[code]


class _Counted:
    """One call: counted when it begins, and when gRPC is done with it."""

    def __init__(self, series: _Series, context: grpc.ServicerContext) -> None:
        self._series, self._context, self._began = series, context, time.perf_counter()
        self._code: grpc.StatusCode | None = None
        self._span = begin_call(series.method, context)
        series.started.inc()
        if not context.add_callback(self._end):
            self._end()

    def traced(self) -> AbstractContextManager[None]:
        """Make its span the current one, for this thread."""
        return nullcontext() if self._span is None else self._span.entered()

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Take note of the status that what is inside gives the call."""
        try:
            yield
        except GeneratorExit:  # gRPC gave up a stream whose caller left
            raise
        except BaseException:
            self._code = self._given() or grpc.StatusCode.UNKNOWN
            raise
        self._code = self._given() or grpc.StatusCode.OK

    def received(self, requests: Iterable[Any]) -> Iterator[Any]:
        """Count messages of the caller as they are taken."""
        for request in requests:
            self._series.received.inc()
            yield request

    def sent(self, replies: Iterable[Any]) -> Iterator[Any]:
        """Count answers as they are made, and take note of the status behind the last."""
        with self.serving():
            for reply in replies if self._span is None else _each(replies, self.traced):
                self._series.sent.inc()
                yield reply

    def _given(self) -> grpc.StatusCode | None:
        """The status that the handler gave the call."""
        return self._context.code()  # type: ignore[attr-defined,no-any-return]  # not in the types of gRPC

    def _end(self) -> None:
        code = self._status().name
        self._series.spent.observe(time.perf_counter() - self._began, exemplar(self._span))
        self._series.handled(code).inc()
        if self._span is not None:
            end_call(self._span, code)

    def _status(self) -> grpc.StatusCode:
        if self._code is not None:
            return self._code
        # The call ended before its handler did: its caller left, or waited no longer.
        late = self._context.time_remaining() == 0
        return grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED


def _counted(handler: Handler, series: _Series) -> Handler:
    options = {
        "request_deserializer": handler.request_deserializer,
        "response_serializer": handler.response_serializer,
    }
    if handler.request_streaming and handler.response_streaming:
        return grpc.stream_stream_rpc_method_handler(_many(handler.stream_stream, series, stream=True), **options)
    if handler.request_streaming:
        return grpc.stream_unary_rpc_method_handler(_one(handler.stream_unary, series, stream=True), **options)
    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler(_many(handler.unary_stream, series, stream=False), **options)
    return grpc.unary_unary_rpc_method_handler(_one(handler.unary_unary, series, stream=False), **options)


def _one(serve: Callable[..., Any], series: _Series, *, stream: bool) -> Callable[..., Any]:
    """What serves a method of one answer."""

    @functools.wraps(serve)  # with the attributes by which gRPC knows how to call it
    def served(request: Any, context: grpc.ServicerContext) -> Any:
        call = _Counted(series, context)
        with call.serving(), call.traced():
            reply = serve(_taken(call, request, series, stream=stream), context)
        series.sent.inc()
        return reply

    return served


def _many(serve: Callable[..., Any], series: _Series, *, stream: bool) -> Callable[..., Any]:
    """What serves a method of many answers. A third argument sends them later, without holding a thread."""

    @functools.wraps(serve)
    def served(request: Any, context: grpc.ServicerContext, *later: Callable[[Any], object]) -> Any:
        call = _Counted(series, context)
        given = _taken(call, request, series, stream=stream)
        if not later:
            return call.sent(serve(given, context))
        return serve(given, context, *(_sends(series, send) for send in later))

    return served


def _each(replies: Iterable[Any], traced: Callable[[], AbstractContextManager[None]]) -> Iterator[Any]:
    """Make each answer in a context of its own: what a generator sets it would leave to whoever asks it."""
    answers = iter(replies)
    while True:
        with traced():
            reply = next(answers, _NONE_LEFT)
        if reply is _NONE_LEFT:
            return
        yield reply


def _taken(call: _Counted, request: Any, series: _Series, *, stream: bool) -> Any:
    if stream:
        return call.received(request)
    series.received.inc()
    return request


def _sends(series: _Series, send: Callable[[Any], object]) -> Callable[[Any], object]:
    @functools.wraps(send)
    def sent(reply: Any) -> object:
        series.sent.inc()
        return send(reply)

    return sent
