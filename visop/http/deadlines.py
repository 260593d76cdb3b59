"""How long a request may take, and the end of all that are left when the server stops."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from visop.errors import DeadlinePassed, UsageError, VisopError

_HEADER = "X-Request-Timeout"


def timeout_of(headers: Mapping[str, str], limit_s: float) -> float:
    """The seconds that a request may take: what its header says, and at most ``limit_s``.

    Raises:
        UsageError: the header is no number above 0.
    """
    text = headers.get(_HEADER.lower())
    if text is None:
        return limit_s
    try:
        timeout_s = float(text)
    except ValueError:
        timeout_s = math.nan
    if not timeout_s > 0:
        raise UsageError(_HEADER, repr(text[:40]), "must be a number of seconds above 0")
    return min(timeout_s, limit_s)


class Deadlines:
    """The deadlines of the requests being served. To be used in the thread of the event loop.

    Args:
        ending: the error of whoever is still waiting because the server stops; None while it does not.
    """

    def __init__(self, ending: Callable[[], VisopError | None]) -> None:
        self._ending = ending
        self._limits: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def within(self, timeout_s: float) -> AsyncIterator[None]:
        """Wait no longer than so many seconds, and not after ``give_up``. Threads that work on it go on.

        Raises:
            DeadlinePassed: the time is over.
            VisopError: ``ending``.
        """
        try:
            async with asyncio.timeout(timeout_s) as limit:
                self._limits.add(limit)
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise (self._ending() or DeadlinePassed("the deadline passed before the answer")) from None
        finally:
            self._limits.discard(limit)

    def give_up(self) -> None:
        """End every wait now."""
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(0)
