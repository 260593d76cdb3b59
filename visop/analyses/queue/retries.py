"""Which errors pass, and when an analysis is tried again after one."""

from __future__ import annotations

import random

from visop.errors import DeadlinePassed, FetchUnavailable, Overloaded, ShuttingDown, Unreachable, VisopError

_FIRST_S, _LONGEST_S = 0.5, 60.0

# Tries of an analysis by the error of the last one. An operator that is restarted, or is not there for some minutes,
# fails no job; a server of pictures that is down, or a call that takes too long, is given up sooner.
_TRIES: dict[type[VisopError], int] = {
    Unreachable: 14,
    Overloaded: 14,
    ShuttingDown: 14,
    FetchUnavailable: 5,
    DeadlinePassed: 3,
}


def wait_s(error: VisopError, attempts: int) -> float | None:
    """How long to wait before the next try, in seconds; None if there is none.

    Args:
        error: of the last try.
        attempts: tries so far, at least 1.
    """
    most = next((tries for kind, tries in _TRIES.items() if isinstance(error, kind)), 1)
    if attempts >= most:
        return None
    step_s = min(_LONGEST_S, _FIRST_S * 2.0 ** min(attempts - 1, 32))
    return (error.retry_after_s or 0.0) + step_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
