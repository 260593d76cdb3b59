"""End a process whose model hangs: no thread can be ended from outside, and every call would fail for ever."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

#: EX_SOFTWARE of sysexits.h.
STATUS = 70

_MOST_PAUSE_S = 1.0


@contextmanager
def watched(hangs: Callable[[], bool], limit_s: float, end: Callable[[int], object] = os._exit) -> Iterator[None]:
    """End the process once something inside has hung for so long.

    Args:
        hangs: whether it does now.
        limit_s: for how long it may, in seconds; 0 watches nothing.
        end: ends the process with a status, whatever its threads do.
    """
    left = threading.Event()

    def watch() -> None:
        since: float | None = None
        while not left.wait(min(_MOST_PAUSE_S, limit_s / 4)):
            since = (since or time.monotonic()) if hangs() else None
            if since is not None and time.monotonic() - since > limit_s:
                logger.critical("the model hangs, and nothing but a new process ends that: exit status %d", STATUS)
                logging.shutdown()
                end(STATUS)
                return

    thread = threading.Thread(target=watch, name="visop-watchdog", daemon=True)
    if limit_s:
        thread.start()
    try:
        yield
    finally:
        left.set()
