"""The errors that visop raises on purpose. Those of an index are in ``search/errors.py``.

    VisopError                     the base of all: catch this to catch every one
    ├── InvalidInput               an input or a request that can never be served as it is
    │   ├── ImageDecodeError       not base64, not an image, truncated, or a format that is not accepted
    │   ├── ImageTooLarge          too many bytes, pixels or frames
    │   └── UrlRejected            a scheme or an address that is not allowed
    ├── FetchFailed                the remote server returned something that is not an image
    ├── FetchUnavailable           the remote server could not be reached, was too slow, or said that it is busy
    ├── Overloaded                 a limit on work in hand is reached; says when to try again
    ├── DeadlinePassed             the deadline of the call passed
    ├── CallerGone                 the caller cancelled or disconnected
    ├── Unreachable                the client cannot reach the operator, or it is starting or draining
    ├── StreamIdle                 a stream was ended because nothing was sent on it
    ├── ShuttingDown               the operator is draining
    ├── NotFound                   what was asked for does not exist, or no longer
    ├── NotAuthenticated           the caller showed no token, or one that is not known
    ├── NotAllowed                 what was asked for is not permitted
    ├── ModelFailed                the operator's own code raised, or returned an unusable result
    ├── BadItems                   several inputs of one call failed
    ├── RemoteError                a running operator returned a status that has no class here
    ├── TrainingFailed             training cannot go on
    └── UsageError                 an argument, a flag or a field is wrong
        ├── SettingsError          one of the settings, OP_*
        ├── OtherEncoder           vectors of two encoders do not fit together
        └── WeightsError           weights are missing, damaged or of another model

Errors do not know how they are sent: their gRPC statuses are in ``rpc/statuses.py``, their HTTP ones in
``http/problems.py``, and ``cli/main.py`` prints them.

The text of an error that a request can cause is sent to clients. It names the limit and the value, and never a path, a
library's message or a URL's credentials. ``ModelFailed`` keeps the details for the log and sends a fixed text.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from typing import Any


class VisopError(Exception):
    """Base of all errors.

    Attributes:
        retry_after_s: seconds to wait before trying again; None if nobody knows, or if it would not help.
    """

    retry_after_s: float | None = None

    # Exception would call the constructor with the text alone, and processes could not pass the others on.
    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args), self.__dict__


def _rebuild(cls: type[VisopError], args: tuple[Any, ...]) -> VisopError:
    """Make an error again from its text; its attributes are set by pickle."""
    return cls.__new__(cls, *args)


class InvalidInput(VisopError):
    """An input or a request that cannot be served as it is; sending it again will not help."""


class ImageDecodeError(InvalidInput):
    """The bytes are not an image in an accepted format, or are damaged."""


class ImageTooLarge(InvalidInput):
    """An image exceeds the limit on bytes, pixels or frames."""


class UrlRejected(InvalidInput):
    """A URL has a scheme, form or address that is not allowed."""


class FetchFailed(VisopError):
    """The remote server answered, but not with an image that can be used."""


class FetchUnavailable(VisopError):
    """The remote server could not be reached in time, or said that it is busy; trying again may help."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Overloaded(VisopError):
    """A limit on the work in hand is reached.

    Attributes:
        retry_after_s: seconds to wait before it is sent again.
        limit: which limit, in one word for metrics; empty if it is not one of this process.
    """

    retry_after_s: float

    def __init__(self, message: str, retry_after_s: float = 0.5, *, limit: str = "") -> None:
        super().__init__(message)
        self.retry_after_s, self.limit = retry_after_s, limit


class DeadlinePassed(VisopError):
    """The call's deadline passed before its work was done."""


class CallerGone(VisopError):
    """The caller cancelled or disconnected."""


class Unreachable(VisopError):
    """The operator cannot be reached, is starting or is draining; trying again may help."""


class StreamIdle(VisopError):
    """A stream was ended because its sender was silent; to send more, open another."""


class ShuttingDown(VisopError):
    """The operator finishes the calls that it has accepted and refuses new ones."""


class NotFound(VisopError):
    """What was asked for does not exist, or no longer."""


class NotAuthenticated(VisopError):
    """The caller showed no token, or one that is not known, or no longer."""


class NotAllowed(VisopError):
    """What was asked for is not permitted, to this caller or at all."""


class ModelFailed(VisopError):
    """The operator's own code raised, or returned NaN, zeros, or the wrong count or dimension.

    Attributes:
        detail: what happened, for the log only.
    """

    def __init__(self, detail: str) -> None:
        super().__init__("the model failed on this input")
        self.detail = detail


class UsageError(VisopError):
    """An argument is wrong.

    Attributes:
        field: the name of the argument in Python; empty if no single argument is to blame. A command prints its flag
            instead, and an HTTP answer names the field of the request.
        value: what was given; empty if it would not help.
        why: the rule that was broken, or what is wrong and what to do.
    """

    def __init__(self, field: str, value: object, why: str) -> None:
        self.field, self.value, self.why = field, value, why
        super().__init__(self.told(field))

    def told(self, name: str) -> str:
        """Return the message with another name for the field, such as a flag; an empty name leaves it out."""
        subject = " ".join(text for text in (name, str(self.value)) if text)
        return f"{subject}: {self.why}" if subject else self.why


class SettingsError(UsageError):
    """A setting is wrong. ``field`` is its name in ``Settings``, such as ``max_batch``."""

    def told(self, name: str) -> str:
        """Return the message; under its own name, the setting is written as its variable: ``OP_MAX_BATCH=0: ...``."""
        if name and name == self.field:
            return f"OP_{name.upper()}={self.value}: {self.why}"
        return super().told(name)


class OtherEncoder(UsageError):
    """Vectors of two encoders would be mixed."""

    def __init__(self, why: str) -> None:
        super().__init__("", "", why)


class WeightsError(UsageError):
    """Weights are missing, damaged or of another model; the message says what to do."""


class RemoteError(VisopError):
    """A running operator returned a status that has no class here.

    Attributes:
        status: the name of its gRPC status.
    """

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


class TrainingFailed(VisopError):
    """Training cannot go on; the message says why and what to change."""


class BadItems(VisopError):
    """Some inputs of a call failed, and the call asked for all or nothing.

    Attributes:
        items: the failed inputs by name (such as ``datas[3]``) in request order, each with its error.
    """

    def __init__(self, items: Mapping[str, VisopError]) -> None:
        super().__init__(summarise(items))
        self.items = dict(items)
        if all(isinstance(item, FetchUnavailable | Overloaded) for item in items.values()):
            self.retry_after_s = max((item.retry_after_s or 0.0 for item in items.values()), default=0.0) or None


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


def drop_locals(error: BaseException | None) -> None:
    """Free the local variables of the frames that an error passed through, such as a half-decoded picture.

    An error lives as long as its request, and a request can have hundreds. The errors that led to it live as long, and
    can hold a socket.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__context__
