"""Convert a failed gRPC call back into an error of ``visop.errors``."""

from __future__ import annotations

from typing import TypeVar, cast

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2
from grpc import StatusCode
from grpc_status import rpc_status

from visop.errors import BadItems, DeadlinePassed, NotAllowed, NotAuthenticated, Overloaded, Unreachable, VisopError
from visop.rpc.statuses import error_of, remote_error

Detail = TypeVar("Detail", bound=Message)


# gRPC's text for a message over the limit. Its status is that of an overload, but trying again would not help.
_TOO_LARGE = "message larger than max"

# gRPC's text when the deadline passed in the client; any other text comes from the server.
_PASSED_HERE = "Deadline Exceeded"

_OF_CALLER: dict[StatusCode, type[VisopError]] = {
    StatusCode.UNAUTHENTICATED: NotAuthenticated,
    StatusCode.PERMISSION_DENIED: NotAllowed,
}

# How gRPC's text begins if no connection was made.
_NOT_CONNECTED = ("failed to connect to all addresses", "DNS resolution failed")


def error_of_call(call: grpc.RpcError, target: str, timeout_s: float) -> VisopError:
    """Return the error of a failed call: BadItems if the server named inputs, else chosen by the gRPC status.

    Args:
        call: the exception that gRPC raised.
        target: the address that was called, for the message.
        timeout_s: the time limit of the call in seconds, for the message.
    """
    code, text = call.code(), call.details() or "no details"
    if (bad_items := _bad_items(call, code, text)) is not None:
        return bad_items
    if code is StatusCode.UNAVAILABLE:
        return Unreachable(f"{target} cannot be reached or is not ready: {_short(text)}")
    if code is StatusCode.DEADLINE_EXCEEDED:
        reason = f"no answer within {timeout_s:g} s" if text == _PASSED_HERE else text
        return DeadlinePassed(f"{target}: {reason}")
    if code is StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE not in text:
        return Overloaded(text, _retry_after_s(call) or 0.0)
    if code in _OF_CALLER:
        return _OF_CALLER[code](f"{target}: {text}")
    if code in (StatusCode.INTERNAL, StatusCode.RESOURCE_EXHAUSTED):
        return remote_error(code, text)  # not ModelFailed: INTERNAL may come from gRPC itself
    return error_of(code, text)


def _short(text: str) -> str:
    """Of a connection that failed, gRPC tells every layer that it failed in; the last one says why."""
    return text.rpartition(": ")[2] if text.startswith(_NOT_CONNECTED) else text


def _bad_items(call: grpc.RpcError, code: StatusCode, text: str) -> BadItems | None:
    request = _detail(call, error_details_pb2.BadRequest)
    if request is None or not request.field_violations:
        return None
    wait_s = _retry_after_s(call)
    items = {
        violation.field: error_of(StatusCode.__members__.get(violation.reason, code), violation.description, wait_s)
        for violation in request.field_violations
    }
    try:
        error = BadItems(items)
    except ValueError:  # a field is not named like datas[3], so the server is not a visop operator
        return None
    # HTTP/2 headers limit the number of violations; the text of the status names every bad input.
    error.args = (text,)
    return error


def _retry_after_s(call: grpc.RpcError) -> float | None:
    info = _detail(call, error_details_pb2.RetryInfo)
    return None if info is None else max(0.0, info.retry_delay.ToTimedelta().total_seconds())


def _detail(call: grpc.RpcError, kind: type[Detail]) -> Detail | None:
    try:
        status = rpc_status.from_call(cast(grpc.Call, call))
        for packed in status.details if status is not None else ():
            detail = kind()
            if packed.Unpack(detail):
                return detail
    except (ValueError, DecodeError):
        pass  # details of another kind: the plain status is used
    return None
