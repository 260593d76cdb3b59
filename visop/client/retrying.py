"""One call of gRPC, tried again within its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from visop.client.backoff import Backoff
from visop.errors import VisopError
from visop.tracing.caller import caller_headers

Reply = TypeVar("Reply", bound=Message)


def call_again(
    method: Callable[..., Reply],
    request: Message,
    timeout_s: float,
    backoff: Backoff,
    error_of: Callable[[grpc.RpcError], VisopError],
) -> Reply:
    """Call a method until it answers, as often as ``backoff`` allows.

    Args:
        method: of a stub.
        request: what it takes.
        timeout_s: for all tries and the waits between them, in seconds.
        backoff: decides whether and when to try again.
        error_of: converts an error of gRPC.

    Raises:
        VisopError: the error of the last try.
    """
    deadline, failures = time.monotonic() + timeout_s, 0
    while True:
        try:
            return method(request, timeout=deadline - time.monotonic(), metadata=caller_headers())
        except grpc.RpcError as error:
            failure = error_of(error)
        failures += 1
        backoff.pause(failure, failures, deadline)
