"""Admits the pictures of a call: all inputs count, and URLs apart from what was sent whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from visop.errors import VisopError
from visop.serving.admission import InputAdmission
from visop.serving.fetch_admission import FetchAdmission
from visop.settings import Settings


class PictureAdmission:
    """How many pictures are served at once, over all calls.

    Args:
        settings: with the limits.
    """

    def __init__(self, settings: Settings) -> None:
        self._inputs = InputAdmission(settings.max_queue)
        self._urls = FetchAdmission(settings.max_queue, settings.max_calls)

    @property
    def inside(self) -> int:
        """Pictures, and parts of them, that are being served now."""
        return self._inputs.inside

    def enter(
        self,
        hosts: Sequence[str | None],
        deadline: float,
        peer: str,
        is_wanted: Callable[[], bool],
        *,
        bulk: bool = False,
    ) -> Callable[[str | None], None]:
        """Wait until the deadline for room for the inputs of one call.

        Args:
            hosts: of each input that is a URL; None for the others.
            deadline: on the clock of ``time.monotonic``; one that has passed does not wait.
            peer: from where the call came.
            is_wanted: whether that is still worth waiting for.
            bulk: whether they leave room to others, for whom somebody waits.

        Returns:
            What is called with the host of each input at its end.

        Raises:
            Overloaded: there was no room in time.
            ShuttingDown: they are not wanted any more.
        """
        of_urls = [host for host in hosts if host is not None]
        urls = self._urls.enter(of_urls, left_s(deadline), peer, is_wanted, bulk=bulk)
        try:
            self._inputs.enter(len(hosts), left_s(deadline), peer, is_wanted, bulk=bulk)
        except VisopError:
            urls.leave_all()
            raise

        def leave(host: str | None) -> None:
            self._inputs.leave(peer, bulk=bulk)
            if host is not None:
                urls.leave(host)

        return leave

    def grow(self, count: int, peer: str, *, bulk: bool = False) -> Callable[[], None]:
        """Count up to so many parts that a picture became; returns what is called at their end."""
        counted = self._inputs.grow(count, peer, bulk=bulk)
        return lambda: self._inputs.leave(peer, counted, bulk=bulk)

    def end_waits(self) -> None:
        """Refuse what waits for room and is not wanted any more."""
        self._urls.end_waits()
        self._inputs.end_waits()

    def wait_empty(self, timeout_s: float) -> None:
        """Wait until nothing is being served, or the time has passed."""
        self._inputs.wait_empty(timeout_s)


def left_s(deadline: float) -> float:
    """The time until a deadline on the clock of ``time.monotonic``, in seconds; at least 0."""
    return max(0.0, deadline - time.monotonic())
