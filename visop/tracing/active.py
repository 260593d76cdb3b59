"""The tracer of this process, while there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from visop.tracing.spans import Tracer

_OPEN: list[Tracer] = []


def tracer() -> Tracer | None:
    """The tracer; None where nothing is traced."""
    return _OPEN[-1] if _OPEN else None


@contextmanager
def activated(opened: Tracer) -> Iterator[None]:
    """Have this tracer begin the spans in the block, in all threads."""
    _OPEN.append(opened)
    try:
        yield
    finally:
        _OPEN.remove(opened)
