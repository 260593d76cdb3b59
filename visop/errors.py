"""The errors that visop raises on purpose. Those of an index are in ``search/errors.py``.

    VisopError                     the base: catch this to catch all
    ├── InvalidInput               an input or a request cannot be served as it is
    │   ├── ImageDecodeError       not base64, not an image, truncated, format not allowed
    │   ├── ImageTooLarge          too many bytes, pixels or frames
    │   └── UrlRejected            scheme or address not allowed
    ├── FetchFailed                the remote server answered something unusable
    ├── FetchUnavailable           the remote server could not be reached, or was too slow
    ├── Overloaded                 a limit on work in hand is reached; says when to try again
    ├── DeadlinePassed             the caller's time is over
    ├── CallerGone                 the caller left
    ├── Unreachable                raised by the client: nobody there, starting or draining
    ├── StreamIdle                 nothing was sent for too long; connect again
    ├── ShuttingDown               draining
    ├── NotFound                   there is no such thing, or not any more
    ├── NotAllowed                 it is not allowed to this caller, or not here
    ├── ModelFailed                the operator's own code raised, or answered nonsense
    ├── BadItems                   several inputs of one call are bad
    ├── RemoteError                a running operator answered an error of a kind that has no class here
    ├── TrainingFailed             training cannot go on, or would lead nowhere
    └── UsageError                 what was asked for cannot be done as asked
        ├── SettingsError          one of the settings, OP_*
        ├── OtherEncoder           vectors of two encoders do not fit together
        └── WeightsError           weights missing, damaged or of another model

Errors know nothing of how they travel: their gRPC statuses are in ``rpc/statuses.py``, their HTTP ones in
``http/problems.py``, and what a command says of them in ``cli/main.py``.

The text of an error that a request can cause is sent to clients: it names the limit and the value, and never a path, a
library's words or a URL's credentials. ``ModelFailed`` keeps what it knows for the log and sends a fixed text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class VisopError(Exception):
    """Base of all errors."""


class InvalidInput(VisopError):
    """The request cannot be served as it is; sending it again will not help."""


class ImageDecodeError(InvalidInput):
    """The bytes are not an image of an allowed format, or are damaged."""


class ImageTooLarge(InvalidInput):
    """An image is over the limit on bytes, pixels or frames."""


class UrlRejected(InvalidInput):
    """A URL has a scheme, form or address that is not allowed."""


class FetchFailed(VisopError):
    """The remote server answered, but not with a usable image."""


class FetchUnavailable(VisopError):
    """The remote server could not be reached in time; trying again may help."""


class Overloaded(VisopError):
    """There is no room for this work now.

    Attributes:
        retry_after_s: when trying again is sensible, in seconds.
    """

    def __init__(self, message: str, retry_after_s: float = 0.5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlinePassed(VisopError):
    """The call's deadline passed before its work was done."""


class CallerGone(VisopError):
    """The caller cancelled or disconnected."""


class Unreachable(VisopError):
    """The operator cannot be reached, is starting or is draining; trying again may help."""


class StreamIdle(VisopError):
    """A stream was ended because its sender was silent; to send more, open another."""


class ShuttingDown(VisopError):
    """The operator finishes what it has and takes nothing new."""


class NotFound(VisopError):
    """There is no such thing, or not any more."""


class NotAllowed(VisopError):
    """It is not allowed to this caller, or not here."""


class ModelFailed(VisopError):
    """The operator's own code raised, or returned NaN, zeros, or the wrong count or dimension.

    Attributes:
        detail: what is known, for the log only.
    """

    def __init__(self, detail: str) -> None:
        super().__init__("the model failed on this input")
        self.detail = detail


class UsageError(VisopError):
    """What was asked for cannot be done as asked.

    Attributes:
        field: the argument, by its name in Python; empty if it is no single one. A command says its flag instead, an
            HTTP answer the field of the request.
        value: what was given; empty where it says nothing.
        why: the rule that it breaks, or what is wrong with it and what to do.
    """

    def __init__(self, field: str, value: object, why: str) -> None:
        self.field, self.value, self.why = field, value, why
        super().__init__(self.told(field))

    def told(self, name: str) -> str:
        """The message, with another name for the field, such as a flag; with an empty one, of the value alone."""
        subject = " ".join(text for text in (name, str(self.value)) if text)
        return f"{subject}: {self.why}" if subject else self.why


class SettingsError(UsageError):
    """A setting is wrong. The field is its name in ``Settings``, such as ``max_batch``."""

    def told(self, name: str) -> str:
        """As ``UsageError``; by its own name, the setting is said as its variable: ``OP_MAX_BATCH=0: ...``."""
        if name and name == self.field:
            return f"OP_{name.upper()}={self.value}: {self.why}"
        return super().told(name)


class OtherEncoder(UsageError):
    """The vectors at hand were made by another encoder than the one that would make the next ones."""

    def __init__(self, why: str) -> None:
        super().__init__("", "", why)


class WeightsError(UsageError):
    """Weights are missing, damaged or of another model; says where to get them and where to put them."""


class RemoteError(VisopError):
    """A running operator answered an error of a kind that has no class here.

    Attributes:
        status: the name of its gRPC status.
    """

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


class TrainingFailed(VisopError):
    """Training cannot go on, or would lead nowhere; says why and what to change."""


class BadItems(VisopError):
    """Some inputs of a call failed, and the call asked for all or nothing.

    Attributes:
        items: the failed inputs by name (such as ``datas[3]``) in request order, each with its error.
    """

    def __init__(self, items: Mapping[str, VisopError]) -> None:
        super().__init__(summarise(items))
        self.items = dict(items)


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
