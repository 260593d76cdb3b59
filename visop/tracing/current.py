"""The span that work in this thread or task is for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from visop.errors import VisopError
from visop.rpc.statuses import code_of
from visop.tracing.spans import NONE, Attributes, Kind, Span

#: Set by ``Span.entered``.
CURRENT: ContextVar[Span | None] = ContextVar("visop_span", default=None)


def current() -> Span | None:
    """The current span; None where nothing is traced."""
    return CURRENT.get()


def trace_id() -> str:
    """Of the current span; empty where nothing is traced."""
    span = CURRENT.get()
    return "" if span is None else span.trace_id


def kept_context() -> dict[str, str] | None:
    """The context of the current span, to be kept with what is queued; None where nothing is traced."""
    span = CURRENT.get()
    return None if span is None else span.headers()


def error_name(error: BaseException) -> str:
    """What a span says of an error: its code, and none of its words."""
    return code_of(error).name if isinstance(error, VisopError) else type(error).__name__


@contextmanager
def stage(name: str, attributes: Attributes = NONE, *, of: Span | None = None) -> Iterator[None]:
    """Note what is done in the block as a stage of a span; nothing where nothing is traced.

    Args:
        name: of the stage.
        attributes: what is known of it.
        of: the span; None is the current one.
    """
    span = of or CURRENT.get()
    if span is None or not span.is_recorded:
        yield
        return
    began, error = time.monotonic(), ""
    try:
        yield
    except BaseException as raised:
        error = error_name(raised)
        raise
    finally:
        span.stage(name, began, time.monotonic(), attributes, error=error)


@contextmanager
def part(
    name: str, kind: Kind = "internal", attributes: Attributes = NONE, *, of: Span | None = None
) -> Iterator[Span | None]:
    """Make a part of a span the current one in the block; None where nothing is traced.

    Args:
        name: of the part.
        kind: who takes part in it.
        attributes: what is known of it.
        of: the span; None is the current one.
    """
    span = of or CURRENT.get()
    if span is None:
        yield None
        return
    with ending(span.child(name, kind, attributes)) as begun:
        yield begun


@contextmanager
def ending(span: Span) -> Iterator[Span]:
    """Make a span the current one in the block, and end it with the block and its error."""
    error = ""
    try:
        with span.entered():
            yield span
    except BaseException as raised:
        error = error_name(raised)
        raise
    finally:
        span.end(error)
