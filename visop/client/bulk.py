"""Send requests over a gRPC stream with several in flight, and send them again if the stream breaks."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

import grpc

from visop.client.backoff import Backoff
from visop.errors import DeadlinePassed, Unreachable, VisopError
from visop.rpc import rpc_pb2


class StreamCall(Iterator[rpc_pb2.ExecuteReply], Protocol):
    """The part of the result of ``stub.ExecuteStream`` that is used here."""

    def cancel(self) -> bool:
        """Cancel the call; a thread that waits for a reply stops waiting."""


class BulkStream:
    """A stream of requests that outlives the gRPC streams that carry it. A context manager.

    It keeps every request until it is answered, and sends the unanswered ones again when it opens another gRPC stream.
    It starts no thread: the caller's thread sends and receives. gRPC's sending thread takes the requests from a queue
    that never holds more than the unanswered requests; a None in the queue ends that thread.

    Args:
        open_call: starts ``ExecuteStream`` with an iterator of requests.
        before_reopen: called before the stream is opened again; raises if a different operator answers now.
        error_of: converts an error of gRPC into a ``VisopError``.
        backoff: the waits between tries to reach the operator; every reply resets the count of failures.
        timeout_s: limit on the time for one reply in seconds, all tries included.
    """

    def __init__(
        self,
        open_call: Callable[[Iterator[rpc_pb2.ExecuteRequest]], StreamCall],
        before_reopen: Callable[[], None],
        error_of: Callable[[grpc.RpcError], VisopError],
        *,
        backoff: Backoff,
        timeout_s: float,
    ) -> None:
        self._open_call, self._before_reopen, self._error_of = open_call, before_reopen, error_of
        self._backoff, self._timeout_s = backoff, timeout_s
        self._unanswered: deque[rpc_pb2.ExecuteRequest] = deque()
        self._outbox: queue.SimpleQueue[rpc_pb2.ExecuteRequest | None] = queue.SimpleQueue()
        self._call: StreamCall | None = None

    def __enter__(self) -> BulkStream:
        self._call = self._open()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and not self._unanswered:
            self._end_stream()
        self._cancel()

    def send(self, request: rpc_pb2.ExecuteRequest) -> None:
        """Queue a request and return at once."""
        self._unanswered.append(request)
        self._outbox.put(request)

    def receive(self) -> rpc_pb2.ExecuteReply:
        """Wait for the reply to the oldest unanswered request.

        Raises:
            DeadlinePassed: no reply arrived in time.
            Unreachable: the operator could not be reached again within the retries of ``backoff``.
            VisopError: the operator ended the stream with an error that is not retried.
        """
        deadline = time.monotonic() + self._timeout_s
        failures = 0
        while True:
            try:
                reply = self._next_reply(deadline)
                self._unanswered.popleft()
                return reply
            except grpc.RpcError as error:
                failure = self._error_of(error)
            except Unreachable as error:
                failure = error
            self._cancel()
            failures += 1
            self._backoff.pause(failure, failures, deadline)

    def _next_reply(self, deadline: float) -> rpc_pb2.ExecuteReply:
        if self._call is None:
            self._before_reopen()
            self._call = self._open()
        call = self._call
        # The stream itself has no deadline, because it stays open as long as there is work; each reply has one.
        with _cancelled_at(deadline, call):
            try:
                return next(call)
            except StopIteration:
                raise Unreachable("the operator ended the stream early") from None
            except grpc.RpcError:
                if time.monotonic() >= deadline:
                    raise DeadlinePassed(f"no reply within {self._timeout_s:g} s") from None
                raise

    def _open(self) -> StreamCall:
        self._outbox = queue.SimpleQueue()
        for request in self._unanswered:
            self._outbox.put(request)
        return self._open_call(iter(self._outbox.get, None))

    def _cancel(self) -> None:
        """Cancel the gRPC call, if there is one, and end gRPC's sending thread."""
        self._outbox.put(None)
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _end_stream(self) -> None:
        """Half-close the stream after the last reply, so that the server sees it end normally and not cancelled."""
        self._outbox.put(None)
        if self._call is not None:
            with _cancelled_at(time.monotonic() + self._timeout_s, self._call), suppress(grpc.RpcError):
                next(self._call, None)


@contextmanager
def _cancelled_at(deadline: float, call: StreamCall) -> Iterator[None]:
    """Cancel the call if the block runs past the deadline: ``next`` on a gRPC call takes no timeout."""
    timer = threading.Timer(deadline - time.monotonic(), call.cancel)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
