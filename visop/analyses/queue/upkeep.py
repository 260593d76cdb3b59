"""What somebody has to look after now and then: workers that were lost, messages that were lost, ends of jobs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from visop.analyses.database import Database
from visop.analyses.job_ends import end_finished_jobs
from visop.analyses.listing_jobs import anything_to_list
from visop.analyses.queue.bell import Bell
from visop.analyses.queue.claims import anything_due, sweep
from visop.errors import VisopError

logger = logging.getLogger("visop.analyses.queue")

_EVERY_S = 2.0


class Upkeep:
    """A thread that looks every few seconds. Services and workers have one each; any of them is enough.

    Args:
        database: with the analyses.
        bell: rung while something waits: what rang before may be lost.
        also: what else is to be done each time, in a thread of its own: it may wait for others.
        every_s: how often, in seconds.
    """

    def __init__(
        self, database: Database, bell: Bell, also: Callable[[], object] = lambda: None, every_s: float = _EVERY_S
    ) -> None:
        self._database, self._bell, self._every_s = database, bell, every_s
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(each,), name="visop-upkeep", daemon=True)
            for each in (self.look, also)
        ]

    def start(self) -> None:
        """Begin to look."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End it."""
        self._closing.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(5.0)

    def look(self) -> None:
        """Look once.

        Raises:
            DatabaseUnavailable, BrokerUnavailable: it cannot be reached.
        """
        with self._database.session() as session:
            lost = sweep(session)
        if lost:
            logger.warning("%d analyses lost their worker, and are queued again", lost)
        end_finished_jobs(self._database)
        with self._database.reading() as session:
            due = anything_due(session) or anything_to_list(session)
        if due:
            self._bell.ring()

    def _run(self, look: Callable[[], object]) -> None:
        trouble = ""
        while not self._closing.wait(self._every_s):
            try:
                look()
                trouble = _told(trouble, "")
            except VisopError as error:
                trouble = _told(trouble, str(error))
            except Exception:
                logger.exception("upkeep failed")


def _told(before: str, trouble: str) -> str:
    """Say what is wrong when it begins, and that it is over, once each; what is wrong now."""
    if trouble and not before:
        logger.error("%s; trying again until it does", trouble)
    elif before and not trouble:
        logger.info("works again")
    return trouble
