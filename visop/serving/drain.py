"""Drain a server: refuse new calls, and let those that were accepted finish."""

from __future__ import annotations

import time
from collections.abc import Callable

from visop.serving.admission import CallAdmission

#: How long callers that try again at once get to be refused properly, in seconds.
REFUSAL_S = 0.2

_CHECK_S = 0.02


def drain(calls: CallAdmission, end_streams: Callable[[], None], timeout_s: float) -> None:
    """Return when the last accepted call has ended, or after ``timeout_s``; the port can then be closed.

    Only Execute and streams are waited for: a client that watches health holds its call open for ever.

    Args:
        calls: is closed, so that every new call is refused with ShuttingDown.
        end_streams: ends open streams once they have answered what they read.
        timeout_s: the longest wait for accepted calls, in seconds.
    """
    calls.close()
    end_streams()
    ends = time.monotonic() + timeout_s
    while calls.accepted and time.monotonic() < ends:
        time.sleep(_CHECK_S)
    # Closing the port cuts off calls that gRPC has received and not handed over yet.
    time.sleep(REFUSAL_S)
