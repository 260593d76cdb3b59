"""Workers in threads of the service, where no broker is set."""

from __future__ import annotations

import logging
import threading

from visop.analyses.queue.bell import InProcessBell
from visop.analyses.queue.work import Work, work_once
from visop.errors import VisopError

logger = logging.getLogger("visop.analyses.queue")

# Nobody rings for what another process queued, or for what was put off.
_LOOK_S = 1.0


class InProcessWorkers:
    """Threads that work until they are closed.

    Args:
        work: what they need; its ``stopping`` is asked, too.
        bell: wakes them.
        threads: how many.
    """

    def __init__(self, work: Work, bell: InProcessBell, threads: int = 2) -> None:
        self._work, self._bell, self._closing = work, bell, threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name=f"visop-analyses-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def close(self, timeout_s: float = 30.0) -> None:
        """Begin nothing more, and wait until what was begun is done."""
        self._closing.set()
        self._bell.ring()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout_s)

    def _run(self) -> None:
        while not self._closing.is_set():
            if not self._try():
                self._bell.wait(_LOOK_S)

    def _try(self) -> int:
        try:
            return work_once(self._work)
        except VisopError as error:
            logger.warning("%s", error)
        except Exception:  # a thread that ends would take the place of one that works
            logger.exception("a turn of the worker failed")
        self._closing.wait(_LOOK_S)
        return 0
