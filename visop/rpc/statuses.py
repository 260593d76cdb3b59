"""The gRPC status of every error, and the way back: ``except Overloaded`` works on both sides of the wire.

    INVALID_ARGUMENT     InvalidInput, UsageError
    FAILED_PRECONDITION  FetchFailed, OtherEncoder
    UNAVAILABLE          FetchUnavailable, Unreachable, StreamIdle, ShuttingDown
    RESOURCE_EXHAUSTED   Overloaded
    DEADLINE_EXCEEDED    DeadlinePassed
    CANCELLED            CallerGone
    NOT_FOUND            NotFound
    UNAUTHENTICATED      NotAuthenticated
    PERMISSION_DENIED    NotAllowed
    INTERNAL             ModelFailed, and all others
    (of its inputs)      BadItems

Both the server and the client stand on this, so it needs gRPC alone.
"""

from __future__ import annotations

from grpc import StatusCode

from visop.errors import (
    BadItems,
    CallerGone,
    DeadlinePassed,
    FetchFailed,
    FetchUnavailable,
    InvalidInput,
    ModelFailed,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    OtherEncoder,
    Overloaded,
    RemoteError,
    ShuttingDown,
    StreamIdle,
    Unreachable,
    UsageError,
    VisopError,
)

_STATUSES: dict[type[VisopError], StatusCode] = {
    VisopError: StatusCode.INTERNAL,
    InvalidInput: StatusCode.INVALID_ARGUMENT,
    UsageError: StatusCode.INVALID_ARGUMENT,
    FetchFailed: StatusCode.FAILED_PRECONDITION,
    OtherEncoder: StatusCode.FAILED_PRECONDITION,
    FetchUnavailable: StatusCode.UNAVAILABLE,
    Unreachable: StatusCode.UNAVAILABLE,
    StreamIdle: StatusCode.UNAVAILABLE,
    ShuttingDown: StatusCode.UNAVAILABLE,
    Overloaded: StatusCode.RESOURCE_EXHAUSTED,
    DeadlinePassed: StatusCode.DEADLINE_EXCEEDED,
    CallerGone: StatusCode.CANCELLED,
    NotFound: StatusCode.NOT_FOUND,
    NotAuthenticated: StatusCode.UNAUTHENTICATED,
    NotAllowed: StatusCode.PERMISSION_DENIED,
}

# Which status a call gets when its inputs failed for different reasons: the one that best tells the caller what to do.
# What a retry cannot mend comes before what it can.
_PRECEDENCE = (
    StatusCode.CANCELLED,
    StatusCode.DEADLINE_EXCEEDED,
    StatusCode.INVALID_ARGUMENT,
    StatusCode.INTERNAL,
    StatusCode.FAILED_PRECONDITION,
    StatusCode.RESOURCE_EXHAUSTED,
    StatusCode.UNAVAILABLE,
)

# An input that failed. The status tells no subclasses apart: a bad image and a bad URL are both InvalidInput.
_ITEM_ERRORS: dict[StatusCode, type[VisopError]] = {
    StatusCode.INVALID_ARGUMENT: InvalidInput,
    StatusCode.FAILED_PRECONDITION: FetchFailed,
    StatusCode.UNAVAILABLE: FetchUnavailable,
    StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    StatusCode.DEADLINE_EXCEEDED: DeadlinePassed,
    StatusCode.CANCELLED: CallerGone,
    StatusCode.INTERNAL: ModelFailed,
}

_BY_NUMBER = {code.value[0]: code for code in StatusCode}


def code_of(error: VisopError) -> StatusCode:
    """The status of an error: that of its nearest class in the table."""
    if isinstance(error, RemoteError):
        return StatusCode[error.status]
    if isinstance(error, BadItems):
        return min(map(code_of, error.items.values()), key=_urgency)
    return next(_STATUSES[cls] for cls in type(error).__mro__ if cls in _STATUSES)


def _urgency(code: StatusCode) -> int:
    return _PRECEDENCE.index(code) if code in _PRECEDENCE else len(_PRECEDENCE)


def error_of_number(code: int, message: str, retry_after_s: float | None = None) -> VisopError:
    """The error of one input.

    Args:
        code: number of a google.rpc.Code other than OK.
        message: what the server says of it.
        retry_after_s: seconds to wait before it is sent again, if the server says so.
    """
    return error_of(_BY_NUMBER.get(code, StatusCode.UNKNOWN), message, retry_after_s)


def error_of(code: StatusCode, message: str, retry_after_s: float | None = None) -> VisopError:
    """The error of one input; ``retry_after_s`` as for ``error_of_number``."""
    error = _ITEM_ERRORS[code](message) if code in _ITEM_ERRORS else remote_error(code, message)
    if retry_after_s:
        error.retry_after_s = retry_after_s
    return error


def remote_error(code: StatusCode, message: str) -> RemoteError:
    """An error that is nothing but its status. INTERNAL, which says nothing, is left out of the text."""
    text = message if code is StatusCode.INTERNAL else f"{code.name}: {message}"
    return RemoteError(text, code.name)
