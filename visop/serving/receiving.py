"""Receive the message of a call: in time, and with a thread that others may have until it is there.

gRPC gives a call a thread when its headers come, and lets it wait there for the message without a limit. Here every
method receives its message itself, as those of streams do, which is the same on the wire.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
from grpc_status import rpc_status

from visop.errors import Overloaded
from visop.serving.call_threads import CallThreads
from visop.serving.convert import status_of
from visop.serving.incoming import IncomingCall

# gRPC's classes are generic for type checkers only.
Handler = Any


class ReceiveInTime(grpc.ServerInterceptor):
    """Gives each call a thread of those that its method has, and ends calls that send no message.

    Args:
        threads: of a method, by its name such as ``/package.Service/Method``.
    """

    def __init__(self, threads: Callable[[str], CallThreads]) -> None:
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


def _of_message(serve: Callable[..., Any], threads: CallThreads) -> Callable[..., Any]:
    """A method of one request, which is done with its thread when it returns."""

    @functools.wraps(serve)
    def served(requests: Iterator[Any], context: grpc.ServicerContext, *others: Any) -> Any:
        try:
            with threads.waiting(IncomingCall(context)):
                request = next(requests, None)
            if request is None:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the call has no message")
            return serve(request, context, *others)
        finally:
            threads.leave()

    return served


def _of_stream(serve: Callable[..., Any], threads: CallThreads) -> Callable[..., Any]:
    """A method of many requests, which has its thread until the call ends."""

    @functools.wraps(serve)
    def served(requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
        if not context.add_callback(threads.leave):
            threads.leave()
        return serve(_first_in_time(requests, context, threads), context)

    return served


def _first_in_time(requests: Iterator[Any], context: grpc.ServicerContext, threads: CallThreads) -> Iterator[Any]:
    with threads.waiting(IncomingCall(context)):
        first = next(requests, None)
    if first is not None:
        yield first
        yield from requests


def _refuse(_requests: Iterator[Any], context: grpc.ServicerContext) -> NoReturn:
    error = Overloaded("all threads of the server are taken by calls")
    context.abort_with_status(rpc_status.to_status(status_of(error)))
