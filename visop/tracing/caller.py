"""The context of whoever calls an operator, to be sent along: that of their own span, if they have one."""

from __future__ import annotations

import sys


def caller_headers() -> tuple[tuple[str, str], ...] | None:
    """Return the context of the current span as metadata; None if there is none.

    A caller with a span has imported OpenTelemetry; others pay nothing for this.
    """
    if "opentelemetry.trace" not in sys.modules:
        return None
    from opentelemetry import propagate, trace

    if not trace.get_current_span().get_span_context().is_valid:
        return None
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return tuple((name.lower(), value) for name, value in headers.items() if value.isascii() and value.isprintable())
