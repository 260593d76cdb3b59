"""Hosts that say that they are asked too often (429, or 503 with Retry-After): how long they are left alone."""

from __future__ import annotations

from visop.errors import VisopError
from visop.images.fetching.fetch import Answer

_TOO_MANY_REQUESTS, _UNAVAILABLE = 429, 503

# How often the same thing is asked for in a row, before the host is left alone for the rest of the run.
_MAX_TRIES = 3
_LONGEST_WAIT_S = 300.0

# After a 429 that does not say how long to wait; doubles with every try.
_WAIT_S = 10.0


class HostBusy(VisopError):
    """A host wants to be left alone for longer than a run waits."""


def wait_s(answer: Answer, tries: int, host: str) -> float | None:
    """Return how long a host wants to be left alone before the same request is sent again; None if it has answered.

    Args:
        answer: to the last try.
        tries: how often this was asked for, from 1.
        host: for the message.

    Raises:
        HostBusy: longer than a run waits, or it still says so after having been waited for.
    """
    asked_s = answer.retry_after_s
    if answer.status != _TOO_MANY_REQUESTS and (answer.status != _UNAVAILABLE or asked_s is None):
        return None
    if asked_s is not None and asked_s > _LONGEST_WAIT_S:
        raise HostBusy(f"{host} asks to be left alone for {asked_s:,.0f} s, the limit is {_LONGEST_WAIT_S:g} s")
    if tries >= _MAX_TRIES:
        raise HostBusy(f"{host} answers with status {answer.status}, also after {tries - 1} waits")
    return asked_s if asked_s is not None else _WAIT_S * 2 ** (tries - 1)
