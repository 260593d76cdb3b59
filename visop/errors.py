"""Every error that visop raises on purpose, each with its gRPC status.

    VisopError                    INTERNAL             the base: catch this to catch all
    ├── InvalidInput                 INVALID_ARGUMENT     the request itself is wrong
    │   ├── ImageDecodeError         INVALID_ARGUMENT     not base64, not an image, truncated, format not allowed
    │   ├── ImageTooLarge            INVALID_ARGUMENT     too many bytes, pixels or frames
    │   └── UrlRejected              INVALID_ARGUMENT     scheme or address not allowed
    ├── FetchFailed                  FAILED_PRECONDITION  the remote server answered something unusable
    ├── FetchUnavailable             UNAVAILABLE          the remote server could not be reached, or was too slow
    ├── Overloaded                   RESOURCE_EXHAUSTED   queue full; carries when to try again
    ├── DeadlinePassed               DEADLINE_EXCEEDED    the caller's time is over
    ├── CallerGone                   CANCELLED            the caller left
    ├── Unreachable                  UNAVAILABLE          raised by the client: nobody there, starting or draining
    ├── StreamIdle                   UNAVAILABLE          nothing was sent for too long; connect again
    ├── ShuttingDown                 UNAVAILABLE          draining
    ├── ModelFailed                  INTERNAL             the operator's own code raised, or answered nonsense
    ├── BadItems                     (of its items)       several inputs of one call are bad
    ├── TrainingFailed               never on the wire    training cannot go on, or would lead nowhere
    └── SettingsError                never on the wire    printed; exit status 2
        ├── OtherEncoder             FAILED_PRECONDITION  vectors of two encoders do not fit together
        └── WeightsError             never on the wire    weights missing or of another model

The text of an error is sent to clients: it names the limit and the value, and never a path, a library's words or a
URL's credentials. ``ModelFailed`` keeps what it knows for the log and sends a fixed text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grpc import StatusCode


class VisopError(Exception):
    """Base of all errors; ``str(error)`` is safe to send to a client."""

    code: StatusCode = StatusCode.INTERNAL


class InvalidInput(VisopError):
    """The request cannot be served as it is; sending it again will not help."""

    code = StatusCode.INVALID_ARGUMENT


class ImageDecodeError(InvalidInput):
    """The bytes are not an image of an allowed format, or are damaged."""


class ImageTooLarge(InvalidInput):
    """An image is over the limit on bytes, pixels or frames."""


class UrlRejected(InvalidInput):
    """A URL has a scheme, form or address that is not allowed."""


class FetchFailed(VisopError):
    """The remote server answered, but not with a usable image."""

    code = StatusCode.FAILED_PRECONDITION


class FetchUnavailable(VisopError):
    """The remote server could not be reached in time; trying again may help."""

    code = StatusCode.UNAVAILABLE


class Overloaded(VisopError):
    """There is no room for this work now.

    Attributes:
        retry_after_s: when trying again is sensible, in seconds.
    """

    code = StatusCode.RESOURCE_EXHAUSTED

    def __init__(self, message: str, retry_after_s: float = 0.5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlinePassed(VisopError):
    """The call's deadline passed before its work was done."""

    code = StatusCode.DEADLINE_EXCEEDED


class CallerGone(VisopError):
    """The caller cancelled or disconnected."""

    code = StatusCode.CANCELLED


class Unreachable(VisopError):
    """The operator cannot be reached, is starting or is draining; trying again may help."""

    code = StatusCode.UNAVAILABLE


class StreamIdle(VisopError):
    """A stream gave its place back because its sender was silent; whoever has more to send opens another."""

    code = StatusCode.UNAVAILABLE


class ShuttingDown(VisopError):
    """The operator finishes what it has and takes nothing new."""

    code = StatusCode.UNAVAILABLE


class ModelFailed(VisopError):
    """The operator's own code raised, or returned NaN, zeros, or the wrong count or dimension.

    Attributes:
        detail: what is known, for the log only.
    """

    def __init__(self, detail: str) -> None:
        super().__init__("the model failed on this input")
        self.detail = detail


class SettingsError(VisopError):
    """A setting is wrong; names the setting, the value and the rule."""


class OtherEncoder(SettingsError):
    """The vectors at hand were made by another encoder than the one that would make the next ones."""

    code = StatusCode.FAILED_PRECONDITION


class WeightsError(SettingsError):
    """Weights are missing, damaged or of another model; says where to get them and where to put them."""


class TrainingFailed(VisopError):
    """Training cannot go on, or would lead nowhere; says why and what to change."""


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


class BadItems(VisopError):
    """Some inputs of a call failed, and the call asked for all or nothing.

    Attributes:
        items: the failed inputs by name (such as ``datas[3]``) in request order, each with its error.
    """

    def __init__(self, items: Mapping[str, VisopError]) -> None:
        super().__init__(summarise(items))
        self.items = dict(items)
        self.code = min((error.code for error in self.items.values()), key=_PRECEDENCE.index)


# A status travels in HTTP/2 headers, of which gRPC clients accept 8 KiB by default, and its text is percent-encoded.
_MAX_MESSAGE_CHARS = 2000


def summarise(items: Mapping[str, VisopError]) -> str:
    """One line that names every failed input, those with the same reason together."""
    names_by_reason: dict[str, list[str]] = {}
    for name, error in items.items():
        names_by_reason.setdefault(str(error), []).append(name)
    text = "; ".join(f"{_join(names)}: {reason}" for reason, names in names_by_reason.items())
    if len(text) <= _MAX_MESSAGE_CHARS:
        return text
    return f"{len(items)} inputs failed: {_join(list(items))}"[:_MAX_MESSAGE_CHARS]


def _join(names: Sequence[str]) -> str:
    """``["datas[0]", "datas[1]", "datas[2]", "urls[4]"]`` -> ``"datas[0-2], urls[4]"``."""
    runs: list[list[tuple[str, int]]] = []
    for name in names:
        field, _, rest = name.partition("[")
        index = int(rest.rstrip("]"))
        if runs and runs[-1][-1] == (field, index - 1):
            runs[-1].append((field, index))
        else:
            runs.append([(field, index)])
    return ", ".join(
        f"{run[0][0]}[{run[0][1]}]" if len(run) == 1 else f"{run[0][0]}[{run[0][1]}-{run[-1][1]}]" for run in runs
    )
