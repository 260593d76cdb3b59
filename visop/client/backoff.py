"""Decide whether and when a failed call is tried again."""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass

from visop.errors import Overloaded, Unreachable, VisopError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff with jitter. Retries only if the operator is overloaded or cannot be reached.

    The step doubles from ``first_s`` up to ``longest_s``. The actual wait is drawn between half of the step and all of
    it, so that clients that failed together do not come back together. The delay that the server asks for (RetryInfo)
    is added.

    Attributes:
        retries: how many times a call is tried again.
        first_s: the first step, in seconds.
        longest_s: the longest step, in seconds.
    """

    retries: int = 4
    first_s: float = 0.1
    longest_s: float = 5.0

    def pause(self, error: VisopError, failures: int, deadline: float) -> None:
        """Sleep until the next try, or raise ``error`` if the call should not be tried again.

        Args:
            error: the error of the last try.
            failures: the number of failed tries since the last success, from 1.
            deadline: on the clock of ``time.monotonic``; ``error`` is raised if the wait would reach it.
        """
        wait_s = self.wait_s(error, failures)
        if (
            not isinstance(error, Overloaded | Unreachable)
            or failures > self.retries
            or time.monotonic() + wait_s >= deadline
        ):
            raise error
        logger.info("try %d of %d failed, the next one in %.2f s: %s", failures, self.retries + 1, wait_s, error)
        time.sleep(wait_s)

    def wait_s(self, error: VisopError, failures: int) -> float:
        """Return the seconds to wait after ``failures`` failed tries; random within the jitter."""
        step_s = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return (error.retry_after_s or 0.0) + step_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
