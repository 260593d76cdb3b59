"""Drain a server: send new calls elsewhere, and let those that were accepted finish."""

from __future__ import annotations

from collections.abc import Callable

from visop.serving.admission import CallAdmission

# Long enough for a stream of a few requests, which its client cannot try again once it has the first answer.
_STREAMS_S = 1.0


def drain(
    calls: CallAdmission, end_streams: Callable[[], None], send_goaway: Callable[[], object], timeout_s: float
) -> None:
    """Return when the last accepted call has its answer, or after ``timeout_s``; the port can then be closed.

    At first only new calls are refused, so that clients try them elsewhere. Those that cannot go elsewhere are served,
    however long the calls in hand take. A server that is never idle in half of the time sends its clients away instead.

    Only Execute and streams are waited for: a client that watches health holds its call open for ever.

    Args:
        calls: refuses new calls with ShuttingDown from now on, and is closed in the end.
        end_streams: ends open streams once they have answered what they read.
        send_goaway: tells all clients to open other connections, and lets calls that were accepted finish.
        timeout_s: the longest wait for accepted calls, in seconds.
    """
    streams_s = min(_STREAMS_S, timeout_s / 4)
    calls.drain()
    if not calls.wait_answered(streams_s):
        end_streams()
        if not calls.wait_answered(timeout_s / 2 - streams_s):
            end_streams()  # those that began meanwhile
            send_goaway()
            calls.wait_answered(timeout_s / 2)
    calls.close()
