"""When a call is tried again, and when not."""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass

from visop.errors import Overloaded, Unreachable, VisopError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff with jitter, for an operator that is overloaded or cannot be reached, and for nothing else.

    The wait doubles from ``first_s`` up to ``longest_s``; between half of it and all of it is waited, so that clients
    that failed together do not return together. What the server asked for (RetryInfo) comes on top.
    """

    retries: int = 4
    first_s: float = 0.1
    longest_s: float = 5.0

    def pause(self, error: VisopError, failures: int, deadline: float) -> None:
        """Wait until it is time to try again, or raise ``error`` if there is nothing more to try.

        Args:
            error: how the last try failed.
            failures: tries that failed since the last success, from 1.
            deadline: on the clock of ``time.monotonic``; no wait goes past it.
        """
        wait_s = self.wait_s(error, failures)
        if (
            not isinstance(error, Overloaded | Unreachable)
            or failures > self.retries
            or time.monotonic() + wait_s >= deadline
        ):
            raise error
        _log.info("try %d of %d failed, the next one in %.2f s: %s", failures, self.retries + 1, wait_s, error)
        time.sleep(wait_s)

    def wait_s(self, error: VisopError, failures: int) -> float:
        """How long to wait after so many failures, in seconds."""
        step_s = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 32))
        asked_s = error.retry_after_s if isinstance(error, Overloaded) else 0.0
        return asked_s + step_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
