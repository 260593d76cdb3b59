"""A running operator that takes part in a pipeline: what it must be, what it takes, and what its errors mean here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from visop.client import HEALTHY, Backoff
from visop.client.identity import Identity
from visop.client.running import KEPT_BYTES, ExecuteCall, RunningOperator
from visop.contract import OperatorInfo
from visop.errors import (
    CallerGone,
    DeadlinePassed,
    ModelFailed,
    Overloaded,
    SettingsError,
    Unreachable,
    VisopError,
)
from visop.images.formats.signatures import sniff
from visop.rpc import rpc_pb2
from visop.serving.remote.texts import safe_info, safe_text
from visop.serving.remote.wire import CropsNeeded, request_of
from visop.tracing.grpc_calls import Metadata

# For Identity and Healthy, which take no work.
_ASK_S = 3.0
#: Between two of these, in seconds.
INTERVAL_S = 1.0
# At the start, with all tries.
_CONNECT_S = 10.0
# Of a message, beside its files; and of one file, as base64 where the operator knows nothing else.
_OVERHEAD_BYTES = 1024
# Pictures per request, so that several are under way at once.
_MOST_FILES = 16
# What operators decode that do not say.
_USUAL_FORMATS = ("JPEG", "PNG")

Kind = Literal["processor", "encoder"]
T = TypeVar("T")
#: A reply to so many inputs -> one result or error for each, in order.
Read = Callable[[rpc_pb2.ExecuteReply, int], Sequence[T | VisopError]]


class RemoteOperator:
    """A running operator. May be used from several threads.

    Args:
        kind: what it must be, which is also the name of the setting that says where it runs.
        target: HOST:PORT.
        interval_s: between two questions after its health, in seconds.

    Attributes:
        name: for messages.
    """

    def __init__(self, kind: Kind, target: str, interval_s: float = INTERVAL_S) -> None:
        self.kind, self.target, self.name = kind, target, f"the {kind} {target}"
        self.interval_s, self._omit_crops = interval_s, True
        self._running: RunningOperator | None = None
        self._identity: Identity | None = None

    @property
    def called(self) -> str:
        """The name that it gives itself; HOST:PORT before it is connected."""
        return self.info.name if self._identity else self.target

    @property
    def info(self) -> OperatorInfo:
        """What it said of itself when it was connected."""
        return self._known.operator

    @property
    def is_original(self) -> bool:
        """Whether it knows only what the original operators did: base64, and no status of an input."""
        return not self._known.version

    @property
    def max_files(self) -> int:
        """How many files one request may have. The original operators do not say which result is of which."""
        return 1 if self.is_original else max(1, min(_MOST_FILES, self._known.limits.max_items))

    @property
    def max_file_bytes(self) -> int:
        """Of one file."""
        room = self._known.limits.max_message_bytes - _OVERHEAD_BYTES
        return min(self._known.limits.max_image_bytes, room * 3 // 4 if self.is_original else room)

    @property
    def pack_bytes(self) -> int:
        """Of all files of a request that has several."""
        return min(KEPT_BYTES, self._known.limits.max_message_bytes - _OVERHEAD_BYTES)

    def takes(self, file: bytes) -> bool:
        """Whether it says that it takes files of this format and size."""
        formats = self._known.formats or _USUAL_FORMATS
        return len(file) <= self.max_file_bytes and sniff(file) in formats

    def connect(self) -> None:
        """Connect, and ask what it is.

        Raises:
            SettingsError: it cannot be reached, or is not what it must be.
        """
        self._running = RunningOperator(self.target)
        try:
            identity = self._running.identity(_CONNECT_S, Backoff(retries=2))
        except VisopError as error:
            why = safe_text(str(error)).removeprefix(self.target).lstrip(": ")
            raise SettingsError(self.kind, self.target, why) from None
        self._identity = Identity(safe_info(identity.operator), "", identity.version, identity.formats, identity.limits)
        if unfit := _unfit(self.kind, self.info):
            raise SettingsError(self.kind, self.target, unfit)

    def close(self) -> None:
        """Close the connection. Idempotent."""
        if self._running is not None:
            self._running.close()

    def begin(self, files: Sequence[bytes], timeout_s: float, metadata: Metadata | None = None) -> ExecuteCall:
        """Begin a call with these files, and with metadata such as the context of a trace."""
        request = request_of(files, original=self.is_original, omit_crops=self._omit_crops)
        return self._connected.execute(request, timeout_s, metadata)

    def needs_crops(self) -> bool:
        """Ask for crops from now on, because it does not say the places of parts. Whether that is new."""
        was, self._omit_crops = self._omit_crops, False
        return was

    def results(self, files: Sequence[bytes], read: Read[T], timeout_s: float) -> list[T]:
        """Have it work on files, as many at once as it takes, and wait.

        Raises:
            VisopError: the first error, of a call or of a file.
        """
        found: list[T] = []
        for start in range(0, len(files), self.max_files):
            some = files[start : start + self.max_files]
            try:
                results = self._read(some, read, timeout_s)
            except VisopError as error:
                raise self.told(error) from None
            for result in results:
                if isinstance(result, VisopError):
                    raise result
                found.append(result)
        return found

    def _read(self, files: Sequence[bytes], read: Read[T], timeout_s: float) -> Sequence[T | VisopError]:
        try:
            return read(self.begin(files, timeout_s).reply(), len(files))
        except CropsNeeded:
            if not self.needs_crops():
                raise
        return self._read(files, read, timeout_s)

    def check(self) -> None:
        """Ask whether it works.

        Raises:
            Unreachable: it does not, or cannot be reached.
            DeadlinePassed: it does not answer.
        """
        if trouble := self.trouble():
            raise Unreachable(trouble)

    def trouble(self) -> str | None:
        """What it says is wrong with it, or None.

        Raises:
            Unreachable: it cannot be reached, or another operator answers there now.
            DeadlinePassed: it does not answer.
        """
        try:
            now = safe_info(self._connected.identity(_ASK_S).operator)
            health = self._connected.health(_ASK_S)
        except VisopError as error:
            raise self.told(error) from None
        if _same(now) != _same(self.info):
            raise Unreachable(f"{self.name} was {_spoken(self.info)}, and is now {_spoken(now)}")
        return None if health == HEALTHY else f"{self.name}: {safe_text(health)}"

    def told(self, error: VisopError, deadline: float = 0.0) -> VisopError:
        """The error of a call as those that call us are told: what only we can mend is an error of the model.

        Args:
            error: of the client.
            deadline: of the call, on the clock of ``time.monotonic``.
        """
        text = f"{self.name}: {safe_text(str(error)).removeprefix(self.target).lstrip(': ')}"
        if isinstance(error, Unreachable):
            return Unreachable(text)
        if isinstance(error, DeadlinePassed):
            return Unreachable(text) if time.monotonic() < deadline else DeadlinePassed(text)
        if isinstance(error, Overloaded):
            return Overloaded(text, error.retry_after_s)
        return error if isinstance(error, CallerGone | ModelFailed) else ModelFailed(text)

    @property
    def _known(self) -> Identity:
        if self._identity is None:
            raise VisopError(f"{self.name} is not connected")
        return self._identity

    @property
    def _connected(self) -> RunningOperator:
        if self._running is None:
            raise VisopError(f"{self.name} is not connected")
        return self._running


def _unfit(kind: Kind, info: OperatorInfo) -> str | None:
    """Why an operator cannot be used so, or None."""
    if info.parts:
        return f"{info.name} gives vectors of parts ({info.parts}); here {_AN[kind]} is needed"
    if info.type != kind:
        return f"{info.name} is of type {info.type or 'unknown'}; here {_AN[kind]} is needed"
    if kind == "processor" and info.output != "images":
        return f"{info.name} answers {info.output or 'nothing known'}, not images"
    if kind == "encoder" and info.dimension < 1:
        return f"{info.name} says that its vectors have {info.dimension} numbers"
    return None


_AN: dict[Kind, str] = {"processor": "a processor", "encoder": "an encoder"}


def _same(info: OperatorInfo) -> tuple[object, ...]:
    return info.name, info.type, info.output, info.dimension, info.metric_type, info.fingerprint, info.parts


def _spoken(info: OperatorInfo) -> str:
    return f"{info.name} ({info.fingerprint or 'no fingerprint'}, dimension {info.dimension})"
