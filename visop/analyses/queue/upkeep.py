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
        also: what else is to be done each time.
        every_s: how often, in seconds.
    """

    def __init__(
        self, database: Database, bell: Bell, also: Callable[[], object] = lambda: None, every_s: float = _EVERY_S
    ) -> None:
        self._database, self._bell, self._also, self._every_s = database, bell, also, every_s
        self._closing, self._trouble = threading.Event(), ""
        self._thread = threading.Thread(target=self._run, name="visop-upkeep", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

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
        self._also()

    def _run(self) -> None:
        while not self._closing.wait(self._every_s):
            try:
                self.look()
                self._told("")
            except VisopError as error:
                self._told(str(error))
            except Exception:
                logger.exception("upkeep failed")

    def _told(self, trouble: str) -> None:
        """Say what is wrong when it begins, and that it is over, once each."""
        if trouble and not self._trouble:
            logger.error("%s; trying again until it does", trouble)
        elif self._trouble and not trouble:
            logger.info("works again")
        self._trouble = trouble
