"""What a span is to the rest of visop, which knows nothing of OpenTelemetry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

#: Who takes part: ``server`` answers a call and ``client`` makes one, ``consumer`` does what was queued.
Kind = Literal["internal", "server", "client", "consumer"]
Value = str | int | float | bool
#: Of a span. No content of pictures, no query of a URL, no credentials, no text of an error, which may quote any of it.
Attributes = Mapping[str, Value]
#: A context as it is sent on, by name such as ``traceparent``.
Headers = Mapping[str, str]

NONE: Attributes = {}
NO_HEADERS: Headers = {}


class Span(Protocol):
    """A call, or a part of it. May be used from several threads.

    Attributes:
        trace_id: 32 hexadecimal digits.
        is_recorded: whether it is sampled: of others nothing is kept, but their context is sent on.
    """

    trace_id: str
    is_recorded: bool

    def stage(
        self,
        name: str,
        began: float,
        ended: float,
        attributes: Attributes = NONE,
        *,
        linked: Sequence[Span] = (),
        error: str = "",
    ) -> None:
        """Note a child that is over already. Cheap: it becomes a span when this one ends.

        Args:
            name: of the stage.
            began: on the clock of ``time.monotonic``.
            ended: on the same clock.
            attributes: what is known of it.
            linked: spans that it was for, too.
            error: the code of what went wrong; empty if nothing did.
        """

    def child(self, name: str, kind: Kind = "internal", attributes: Attributes = NONE) -> Span:
        """Begin a part of it."""

    def note(self, attributes: Attributes) -> None:
        """Add attributes."""

    def rename(self, name: str) -> None:
        """Name it, now that its name is known."""

    def headers(self) -> dict[str, str]:
        """Its context, for a call that is made for it."""

    def entered(self) -> AbstractContextManager[None]:
        """Make it the current one in the block, for this thread or task."""

    def end(self, error: str = "") -> None:
        """End it, with the code of its error if it failed. Idempotent."""


class Tracer(Protocol):
    """Begins spans."""

    def begin(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes = NONE,
        *,
        headers: Headers = NO_HEADERS,
        linked: Sequence[Headers] = (),
    ) -> Span:
        """Begin a span.

        Args:
            name: of few different ones.
            kind: who takes part.
            attributes: what is known of it.
            headers: the context that it continues; without any, it is the first of a trace.
            linked: contexts of other traces that it belongs to.
        """
