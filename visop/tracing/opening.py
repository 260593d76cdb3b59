"""Trace what a process does, if the variables ask for it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from visop.errors import UsageError
from visop.tracing.active import activated
from visop.tracing.wanted import shown_endpoint, wants_traces

if TYPE_CHECKING:
    from visop.tracing.provider import Provider

logger = logging.getLogger("visop.tracing")

#: For what is left at the end, in seconds: a collector that is away must not keep a process that is to go.
FLUSH_S = 3.0


@contextmanager
def open_tracing(service: str, *, is_global: bool = False, flush_s: float = FLUSH_S) -> Iterator[None]:
    """Trace in the block, and at its end send what is left; do nothing if the variables ask for nothing.

    Traces that cannot be had keep nothing from being served: the log says why.

    Args:
        service: the name of the process, unless the variables have one.
        is_global: whether code of others in this process, such as an operator's, is to use the same provider.
        flush_s: how long the end waits for the collector.
    """
    opened = _opened(service, is_global=is_global) if wants_traces(os.environ) else None
    if opened is None:
        yield
        return
    try:
        with activated(opened.tracer):
            yield
    finally:
        opened.close(flush_s)


def _opened(service: str, *, is_global: bool) -> Provider | None:
    try:
        from visop.tracing.provider import open_provider

        opened = open_provider(service, is_global=is_global)
    except ModuleNotFoundError as error:
        logger.warning("no traces: %s is not installed; pip install 'visop[tracing]'", error.name)
    except (UsageError, ValueError, OSError, RuntimeError) as error:
        logger.warning("no traces: %s", error)
    else:
        logger.info("traces go to %s", shown_endpoint(os.environ))
        return opened
    return None
