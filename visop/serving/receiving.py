"""Calls whose message has not come yet: they hold a thread each, and make room for others, or end when time is up.

gRPC gives a call a thread when its headers come, and lets it wait there for the message without a limit. Here every
method receives its message itself, as those of streams do, which is the same on the wire.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc
from grpc_status import rpc_status

from visop.errors import Overloaded
from visop.serving.convert import status_of

# gRPC's classes are generic for type checkers only.
Handler = Any


class Threads:
    """Threads for calls. Who comes when all are taken gets that of the call that has sent nothing for longest.

    Args:
        count: how many.
        name: of the threads.
        timeout_s: how long a call may wait for its message, in seconds.
    """

    def __init__(self, count: int, name: str, timeout_s: float) -> None:
        self.pool = ThreadPoolExecutor(count, name)
        self._count, self._timeout_s = count, timeout_s
        self._lock = threading.Lock()
        self._taken = 0
        self._waiting: dict[grpc.ServicerContext, float] = {}  # since when, the longest first

    def take(self) -> bool:
        """Count a call that came; False if all threads have work, so that it is to be refused."""
        with self._lock:
            oldest = next(iter(self._waiting), None) if self._taken >= self._count else None
            if self._taken >= self._count and oldest is None:
                return False
            self._taken += 1
            self._waiting.pop(oldest, None)  # type: ignore[arg-type]  # nothing waits under None
        if oldest is not None:
            oldest.cancel()
        return True

    def leave(self) -> None:
        """Take note that a call that was counted is over."""
        with self._lock:
            self._taken -= 1

    @contextmanager
    def waiting(self, context: grpc.ServicerContext) -> Iterator[None]:
        """Let a call be ended until its message is there."""
        with self._lock:
            self._waiting[context] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._waiting.pop(context, None)

    def end_late(self) -> None:
        """End the calls that have waited for too long. To be called now and then."""
        since = time.monotonic() - self._timeout_s
        with self._lock:
            late = [context for context, began in self._waiting.items() if began < since]
            for context in late:
                del self._waiting[context]
        for context in late:
            context.cancel()


class ReceiveInTime(grpc.ServerInterceptor):
    """Gives each call a thread of those that its method has, and ends calls that send no message.

    Args:
        threads: of a method, by its name such as ``/package.Service/Method``.
    """

    def __init__(self, threads: Callable[[str], Threads]) -> None:
        self._threads = threads
        self._refusing = ThreadPoolExecutor(1, "visop-refuse")

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Handler], handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """Return the handler of a method that receives its message in time; None if there is no such method."""
        handler = continuation(handler_call_details)
        if handler is None or (handler.request_streaming and not handler.response_streaming):  # nobody has such a one
            return handler
        threads = self._threads(handler_call_details.method)
        if not threads.take():
            return _made(grpc.stream_unary_rpc_method_handler, _refuse, handler, self._refusing)
        if handler.request_streaming:
            serve = _of_stream(handler.stream_stream, threads)
            return _made(grpc.stream_stream_rpc_method_handler, serve, handler, threads.pool)
        if handler.response_streaming:
            serve = _of_message(handler.unary_stream, threads)
            return _made(grpc.stream_stream_rpc_method_handler, serve, handler, threads.pool)
        serve = _of_message(handler.unary_unary, threads)
        return _made(grpc.stream_unary_rpc_method_handler, serve, handler, threads.pool)

    def close(self) -> None:
        """Take no more calls."""
        self._refusing.shutdown(wait=False)


def _made(make: Callable[..., Handler], serve: Callable[..., Any], handler: Handler, pool: ThreadPoolExecutor) -> Any:
    @functools.wraps(serve)  # with the attributes by which gRPC knows how to call it
    def served(*arguments: Any) -> Any:
        return serve(*arguments)

    served.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return make(
        served, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer
    )


def _of_message(serve: Callable[..., Any], threads: Threads) -> Callable[..., Any]:
    """A method of one request, which is done with its thread when it returns."""

    @functools.wraps(serve)
    def served(requests: Iterator[Any], context: grpc.ServicerContext, *others: Any) -> Any:
        try:
            with threads.waiting(context):
                request = next(requests, None)
            if request is None:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the call has no message")
            return serve(request, context, *others)
        finally:
            threads.leave()

    return served


def _of_stream(serve: Callable[..., Any], threads: Threads) -> Callable[..., Any]:
    """A method of many requests, which has its thread until the call ends."""

    @functools.wraps(serve)
    def served(requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
        if not context.add_callback(threads.leave):
            threads.leave()
        return serve(_first_in_time(requests, context, threads), context)

    return served


def _first_in_time(requests: Iterator[Any], context: grpc.ServicerContext, threads: Threads) -> Iterator[Any]:
    with threads.waiting(context):
        first = next(requests, None)
    if first is not None:
        yield first
        yield from requests


def _refuse(_requests: Iterator[Any], context: grpc.ServicerContext) -> NoReturn:
    error = Overloaded("all threads of the server are taken by calls")
    context.abort_with_status(rpc_status.to_status(status_of(error)))
