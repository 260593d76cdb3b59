"""Inputs whose URL's server was busy and said when to come back: they are sent again, and nothing else is."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from visop.errors import FetchUnavailable, VisopError

In = TypeVar("In")
Out = TypeVar("Out")

logger = logging.getLogger(__name__)

# How often an input is sent again, and how long a server is waited for each time.
_TRIES = 3
_LONGEST_WAIT_S = 60.0


def with_patience(
    inputs: Sequence[In],
    send: Callable[[Sequence[In]], Sequence[Out | VisopError]],
    results: Sequence[Out | VisopError] | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> list[Out | VisopError]:
    """Return the results of inputs, in order; those whose server was busy have been sent again.

    Not those whose server cannot be reached at all: a list may have thousands of dead links.

    Args:
        inputs: what is sent.
        send: sends inputs; the results of those.
        results: of all inputs, if they were sent already.
        sleep: waits for so many seconds.
    """
    found = list(send(inputs) if results is None else results)
    for _ in range(_TRIES):
        waits_s = {index: wait_s for index, result in enumerate(found) if (wait_s := _wait_s(result))}
        if not waits_s:
            break
        longest_s = max(waits_s.values())
        logger.info("the servers of %d URLs are busy, and are asked again in %.3g s", len(waits_s), longest_s)
        sleep(longest_s)
        for index, result in zip(waits_s, send([inputs[index] for index in waits_s]), strict=True):
            found[index] = result
    return found


def _wait_s(result: object) -> float:
    """Return how long to wait before an input is sent again; 0 if it is not."""
    asked_s = result.retry_after_s if isinstance(result, FetchUnavailable) else None
    return asked_s if asked_s is not None and asked_s <= _LONGEST_WAIT_S else 0.0
