"""Requests over one gRPC stream: a few under way, answered in order, sent again if the stream breaks."""

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
    """What ``stub.ExecuteStream`` returns, as far as it is used here."""

    def cancel(self) -> bool:
        """Give up the call; whoever waits for a reply is released."""


class BulkStream:
    """Keeps every request until it is answered, and survives the gRPC streams that carry them. A context manager.

    It has no thread of its own: the caller's thread sends and receives. gRPC's sending thread takes the requests from
    a queue, which never holds more than what the caller leaves unanswered, and ends when that says so.

    Args:
        open_call: starts ``ExecuteStream`` with these requests.
        before_reopen: raises if the operator that comes back is not the one that went.
        error_of: turns a failed call into our error.
        backoff: between tries to reach the operator; the count starts anew with every reply.
        timeout_s: how long a reply may take, all tries included.
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
            self._end_politely()
        self._drop()

    def send(self, request: rpc_pb2.ExecuteRequest) -> None:
        """Queue a request; never waits."""
        self._unanswered.append(request)
        self._outbox.put(request)

    def receive(self) -> rpc_pb2.ExecuteReply:
        """Wait for the reply to the oldest unanswered request.

        Raises:
            DeadlinePassed: no reply in time.
            Unreachable: the operator is gone, and did not come back.
            VisopError: the operator ended the stream for a reason that trying again does not mend.
        """
        deadline = time.monotonic() + self._timeout_s
        failures = 0
        while True:
            try:
                reply = self._next_reply(deadline)
                self._unanswered.popleft()
                return reply
            except grpc.RpcError as error:
                problem = self._error_of(error)
            except Unreachable as error:
                problem = error
            self._drop()
            failures += 1
            self._backoff.pause(problem, failures, deadline)

    def _next_reply(self, deadline: float) -> rpc_pb2.ExecuteReply:
        if self._call is None:
            self._before_reopen()
            self._call = self._open()
        call = self._call
        # A stream has no deadline of its own: it lives as long as there is work. Each wait for a reply has one.
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

    def _drop(self) -> None:
        """Leave the call, if there is one, and release gRPC's sending thread."""
        self._outbox.put(None)
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _end_politely(self) -> None:
        """Say that there is no more, so that the server sees a stream that ended well; all replies are in."""
        self._outbox.put(None)
        if self._call is not None:
            with _cancelled_at(time.monotonic() + self._timeout_s, self._call), suppress(grpc.RpcError):
                next(self._call, None)


@contextmanager
def _cancelled_at(deadline: float, call: StreamCall) -> Iterator[None]:
    """Cancel the call unless the block ends first: gRPC's own ``next`` would wait for ever."""
    timer = threading.Timer(deadline - time.monotonic(), call.cancel)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
