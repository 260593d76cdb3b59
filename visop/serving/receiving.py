"""Receive the message of a call: in time, and with a thread that others may have until it is there.

gRPC gives a call a thread when its headers come, and lets it wait there for the message without a limit. Here every
method receives its message itself, as those of streams do, which is the same on the wire.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from grpc_status import rpc_status

from visop.errors import InvalidInput, Overloaded, VisopError
from visop.metrics.pictures import count_refusal
from visop.serving.call_threads import CallThreads
from visop.serving.convert import status_of
from visop.serving.held import Held
from visop.serving.idle_connections import IdleConnections
from visop.serving.incoming import IncomingCall
from visop.serving.later import SendLater
from visop.serving.messages import Messages
from visop.tracing.current import stage

# gRPC's classes are generic for type checkers only.
Handler = Any

# Of answers that are not sent by the thread of their call.
_SENDING_THREADS = 16


class Receive(grpc.ServerInterceptor):
    """Gives each call a thread of those that its method has, and its messages when there is room for them.

    Args:
        messages: receives them.
        threads: of a method, by its name such as ``/package.Service/Method``.
        patient: methods whose messages wait for room.
        idle: is told of each call.
    """

    def __init__(
        self,
        messages: Messages,
        threads: Callable[[str], CallThreads],
        patient: Collection[str],
        idle: IdleConnections,
    ) -> None:
        self._messages, self._threads, self._patient, self._idle = messages, threads, patient, idle
        self._refusing = ThreadPoolExecutor(1, "visop-refuse")
        self._sending = ThreadPoolExecutor(_SENDING_THREADS, "visop-send")
        self._refuse = _made(grpc.stream_unary_rpc_method_handler, _refuse, self._refusing)
        self._known: dict[str, Handler] = {}

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Handler], handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """Return the handler of a method that receives its messages itself; None if there is no such method."""
        method = handler_call_details.method
        if method not in self._known:  # nothing but the name decides, and making one takes longer than finding it
            handler = continuation(handler_call_details)
            if handler is None or (handler.request_streaming and not handler.response_streaming):  # nobody has such
                return handler
            self._known[method] = self._receiving(handler, method)
        return self._known[method] if self._threads(method).take() else self._refuse

    def _receiving(self, handler: Handler, method: str) -> Handler:
        threads = self._threads(method)
        receiver = _Receiver(self._messages, threads, handler, method in self._patient, self._sending, self._idle)
        if handler.request_streaming:
            serve = receiver.of_stream(handler.stream_stream)
            return _made(grpc.stream_stream_rpc_method_handler, serve, threads.pool)
        if handler.response_streaming:
            serve = receiver.of_message(handler.unary_stream)
            return _made(grpc.stream_stream_rpc_method_handler, serve, threads.pool, handler.response_serializer)
        serve = receiver.of_message(handler.unary_unary, handler.response_serializer)
        return _made(grpc.stream_unary_rpc_method_handler, serve, threads.pool)

    def close(self) -> None:
        """Take no more calls."""
        for pool in (self._refusing, self._sending):
            pool.shutdown(wait=False)


def _made(make: Callable[..., Handler], serve: Callable[..., Any], pool: ThreadPoolExecutor, write: Any = None) -> Any:
    """A handler in gRPC's form, which takes and gives bytes, so that their count is known; ``write`` makes them."""

    @functools.wraps(serve)  # with the attributes by which gRPC knows how to call it
    def served(*arguments: Any) -> Any:
        return serve(*arguments)

    served.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return make(served, request_deserializer=None, response_serializer=write)


@dataclass(frozen=True)
class _Receiver:
    """Makes what serves a method from what serves messages that were received."""

    messages: Messages
    threads: CallThreads
    handler: Handler
    patient: bool
    sending: ThreadPoolExecutor
    idle: IdleConnections

    def of_message(self, serve: Callable[..., Any], write: Callable[[Any], bytes] | None = None) -> Callable[..., Any]:
        """A method of one request, which is done with its thread when it returns.

        Args:
            serve: what serves the request.
            write: makes the bytes of its answer; None leaves that to gRPC.
        """

        @functools.wraps(serve)
        def served(requests: Iterator[bytes], context: grpc.ServicerContext, *others: Any) -> Any:
            try:
                call, held = self._begin(context)
                request = self._first(requests, call, held)
                reply = serve(request, context, *(self._later(call, send) for send in others))
                return reply if write is None else self._sent(call, held, write(reply))
            finally:
                self.threads.leave()

        return served

    def of_stream(self, serve: Callable[..., Any]) -> Callable[..., Any]:
        """A method of many requests, each with one answer, which has its thread until the call ends."""

        def served(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            if not context.add_callback(self.threads.leave):
                self.threads.leave()
            call, held = self._begin(context)
            return self._answers(serve(self._all(requests, call, held), context), call, held)

        return served

    def _answers(self, replies: Iterator[Any], call: IncomingCall, held: Held) -> Iterator[bytes]:
        for reply in replies:
            yield self._sent(call, held, self.handler.response_serializer(reply))
            self.messages.read(call)
            held.sent()

    def _begin(self, context: grpc.ServicerContext) -> tuple[IncomingCall, Held]:
        call = IncomingCall(context)
        held = Held(self.messages.in_flight, call)
        self.idle.begin(call)

        def end() -> None:
            call.is_over = True
            self.idle.end(call)
            self.messages.read(call)
            held.close()

        if not context.add_callback(end):
            end()
        return call, held

    def _first(self, requests: Iterator[bytes], call: IncomingCall, held: Held) -> Any:
        try:
            with self.threads.waiting(call), stage("receive"):
                data = self.messages.receive(call, requests, patient=self.patient)
        except VisopError as error:
            _abort(call.context, error)
        if data is None:
            _abort(call.context, InvalidInput("the call has no message"))
        held.received(len(data))
        return self._read(data)

    def _all(self, requests: Iterator[bytes], call: IncomingCall, held: Held) -> Iterator[Any]:
        with self.threads.waiting(call):
            data = self.messages.receive(call, requests, patient=self.patient)
        while data is not None:
            held.received(len(data))
            yield self._read(data)
            with self.threads.waiting_again(call):
                data = self.messages.receive(call, requests, patient=self.patient, bulk=True)

    def _later(self, call: IncomingCall, send: Callable[[Any], object]) -> SendLater:
        def send_in_time(answer: Any) -> None:
            self.messages.unread(call)
            send(answer)
            self.messages.read(call)

        return SendLater(self.sending, send_in_time)

    def _read(self, data: bytes) -> Any:
        return self.handler.request_deserializer(data) if self.handler.request_deserializer else data

    def _sent(self, call: IncomingCall, held: Held, data: bytes) -> bytes:
        """Hold the answer in place of the request that it answers, until it is read."""
        held.answered(len(data))
        self.messages.unread(call)
        return data


def _refuse(_requests: Iterator[bytes], context: grpc.ServicerContext) -> NoReturn:
    _abort(context, Overloaded("all threads of the server are taken by calls", limit="threads"))


def _abort(context: grpc.ServicerContext, error: VisopError) -> NoReturn:
    count_refusal(error)
    context.abort_with_status(rpc_status.to_status(status_of(error)))
