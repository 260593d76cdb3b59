"""Spans of OpenTelemetry, as the rest of visop uses them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace

from visop.tracing.current import CURRENT
from visop.tracing.spans import NO_HEADERS, NONE, Attributes, Headers, Kind, Span

_KINDS = {
    "internal": trace.SpanKind.INTERNAL,
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
    "consumer": trace.SpanKind.CONSUMER,
}
# Of one span: a call of a thousand pictures would fill the queue of the exporter, and no page could show it.
_MOST_STAGES = 128


class OtelTracer:
    """Begins spans with a tracer of OpenTelemetry. See ``visop.tracing.spans.Tracer``."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def begin(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes = NONE,
        *,
        headers: Headers = NO_HEADERS,
        linked: Sequence[Headers] = (),
    ) -> RecordedSpan:
        """Begin a span that continues the context of the headers."""
        parent = propagate.extract(headers, otel_context.Context())
        links = [trace.Link(context) for each in linked if (context := _context_of(each)).is_valid]
        span = self._tracer.start_span(name, parent, _KINDS[kind], attributes, links)
        return RecordedSpan(self._tracer, span, trace.set_span_in_context(span, parent))


@dataclass(frozen=True)
class _Stage:
    name: str
    began: float
    ended: float
    attributes: Attributes
    linked: Sequence[Span]
    error: str


class RecordedSpan:
    """One span and what belongs to it. See ``visop.tracing.spans.Span``.

    Args:
        tracer: begins its children.
        span: begun.
        context: with the span in it.
    """

    def __init__(self, tracer: trace.Tracer, span: trace.Span, context: otel_context.Context) -> None:
        self._tracer, self.otel, self._context = tracer, span, context
        self.trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        self.is_recorded = span.is_recording()
        # One for all stages, so that a clock that is set meanwhile does not part them.
        self._epoch_ns = time.time_ns() - time.monotonic_ns()
        self._stages: deque[_Stage] = deque()
        self._noted = 0
        self._is_over = False

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
        """Note a child that is over already; what comes after the end, such as a late fetch, is sent at once."""
        if not self.is_recorded:
            return
        self._noted += 1
        if self._noted > _MOST_STAGES:
            return
        self._stages.append(_Stage(name, began, ended, attributes, linked, error))
        if self._is_over:
            self._send_stages()

    def child(self, name: str, kind: Kind = "internal", attributes: Attributes = NONE) -> RecordedSpan:
        """Begin a part of it."""
        span = self._tracer.start_span(name, self._context, _KINDS[kind], attributes)
        return RecordedSpan(self._tracer, span, trace.set_span_in_context(span, self._context))

    def note(self, attributes: Attributes) -> None:
        """Add attributes."""
        self.otel.set_attributes(attributes)

    def rename(self, name: str) -> None:
        """Name it."""
        self.otel.update_name(name)

    def headers(self) -> dict[str, str]:
        """Its context, in the form that ``OTEL_PROPAGATORS`` says: of W3C unless it does."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier, self._context)
        return carrier

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Make it current for us, and for code of others that uses OpenTelemetry."""
        before, token = CURRENT.set(self), otel_context.attach(self._context)
        try:
            yield
        finally:
            otel_context.detach(token)
            CURRENT.reset(before)

    def end(self, error: str = "") -> None:
        """End it and send it with its stages."""
        if self._is_over:
            return
        self._is_over = True
        self._send_stages()
        if self._noted > _MOST_STAGES:
            self.otel.set_attribute("visop.stages_left_out", self._noted - _MOST_STAGES)
        _fail(self.otel, error)
        self.otel.end()

    def _send_stages(self) -> None:
        while True:
            try:
                stage = self._stages.popleft()
            except IndexError:  # another thread may have taken it
                return
            self._send(stage)

    def _send(self, stage: _Stage) -> None:
        links = [trace.Link(each.otel.get_span_context()) for each in stage.linked if isinstance(each, RecordedSpan)]
        span = self._tracer.start_span(
            stage.name,
            self._context,
            attributes=stage.attributes,
            links=links,
            start_time=self._epoch_ns + int(stage.began * 1e9),
        )
        _fail(span, stage.error)
        span.end(self._epoch_ns + int(stage.ended * 1e9))


def _fail(span: trace.Span, error: str) -> None:
    if error:
        span.set_attribute("error.type", error)
        span.set_status(trace.Status(trace.StatusCode.ERROR, error))


def _context_of(headers: Headers) -> trace.SpanContext:
    return trace.get_current_span(propagate.extract(headers, otel_context.Context())).get_span_context()
