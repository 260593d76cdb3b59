"""A running operator as another one calls it: with the deadline of that one's caller, and retried as gRPC does."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import grpc

from visop.client.backoff import Backoff
from visop.client.channel import open_channel
from visop.client.identity import MIB, Identity, identity_of
from visop.client.retrying import call_again
from visop.client.statuses import error_of_call
from visop.errors import CallerGone, VisopError
from visop.rpc import rpc_pb2, rpc_pb2_grpc

#: Requests up to this size are kept by gRPC until they are answered, so that they can be sent again.
KEPT_BYTES = 8 * MIB

#: https://github.com/grpc/proposal/blob/master/A6-client-retries.md. What is overloaded says so to those that call us.
RETRY_POLICY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_EXECUTE = {"service": "omnisearch.Operator", "method": "Execute"}
_RETRIES = {"methodConfig": [{"name": [_EXECUTE], "retryPolicy": RETRY_POLICY}]}
_OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.service_config", json.dumps(_RETRIES)),
    ("grpc.per_rpc_retry_buffer_size", KEPT_BYTES + MIB),
]
_NO_RETRY = Backoff(retries=0)


class ExecuteCall:
    """One call of Execute, under way.

    Args:
        call: as gRPC started it.
        error_of: converts an error of gRPC.
    """

    def __init__(self, call: Any, error_of: Callable[[grpc.RpcError], VisopError]) -> None:
        self._call, self._error_of = call, error_of

    def cancel(self) -> None:
        """End it, unless it has ended. Safe from any thread."""
        self._call.cancel()

    def reply(self) -> rpc_pb2.ExecuteReply:
        """Wait for the reply.

        Raises:
            Unreachable: the operator could not be reached, or is starting or draining, at every try.
            DeadlinePassed: the deadline passed.
            CallerGone: ``cancel`` was called.
            VisopError: the operator answered with another status.
        """
        try:
            reply: rpc_pb2.ExecuteReply = self._call.result()
            return reply
        except grpc.FutureCancelledError:
            raise CallerGone("the caller left") from None
        except grpc.RpcError as error:
            raise self._error_of(error) from None


class RunningOperator:
    """A connection to a running operator. May be used from several threads.

    Args:
        target: HOST:PORT.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self._channel = open_channel(target, options=_OPTIONS)
        self._stub = rpc_pb2_grpc.OperatorStub(self._channel)

    def close(self) -> None:
        """Close the connection and cancel calls in flight. Idempotent."""
        self._channel.close()

    def identity(self, timeout_s: float, backoff: Backoff = _NO_RETRY) -> Identity:
        """Ask the operator what it is.

        Raises:
            Unreachable: it cannot be reached.
            DeadlinePassed: no answer arrived in time.
        """
        request, error_of = rpc_pb2.IdentityRequest(), self._error_of(timeout_s)
        return identity_of(call_again(self._stub.Identity, request, timeout_s, backoff, error_of))

    def health(self, timeout_s: float) -> str:
        """``visop.client.HEALTHY`` if its model works, else what is wrong. Raises as ``identity`` does."""
        request, error_of = rpc_pb2.HealthyRequest(), self._error_of(timeout_s)
        return call_again(self._stub.Healthy, request, timeout_s, _NO_RETRY, error_of).healthy

    def execute(
        self, request: rpc_pb2.ExecuteRequest, timeout_s: float, metadata: tuple[tuple[str, str], ...] | None = None
    ) -> ExecuteCall:
        """Begin a call with a deadline, and do not wait for it.

        Args:
            request: what is sent.
            timeout_s: until the reply, in seconds.
            metadata: what is sent with it, such as the context of a trace.
        """
        call = self._stub.Execute.future(request, timeout=timeout_s, metadata=metadata)
        return ExecuteCall(call, self._error_of(timeout_s))

    def _error_of(self, timeout_s: float) -> Callable[[grpc.RpcError], VisopError]:
        return partial(error_of_call, target=self.target, timeout_s=timeout_s)
