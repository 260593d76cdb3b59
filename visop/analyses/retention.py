"""Delete records that ended so long ago that nobody wants them any more, and files that have no record."""

from __future__ import annotations

import itertools
import logging
import threading
from datetime import datetime, timedelta
from types import TracebackType

from sqlalchemy import ColumnElement, delete, func, select

from visop.analyses.columns import now
from visop.analyses.database import Database
from visop.analyses.models import Analysis, Job
from visop.analyses.pictures import Pictures
from visop.analyses.states import ENDS, JobState
from visop.errors import VisopError

logger = logging.getLogger("visop.analyses")

_EVERY_S = 3600.0
# All files are listed for it, so only every so many times.
_SWEEP_EVERY = 24
# Deleted in one transaction, which others wait for.
_TOGETHER = 200


def prune(database: Database, pictures: Pictures, before: datetime) -> int:
    """Delete the analyses that ended before a moment, and jobs of which none is left; return how many analyses.

    Those that have not ended stay, however old they are. May be killed at any time, and run by several processes.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    count = 0
    while some := _prune_some(database, pictures, before):
        count += some
    _prune_jobs(database, before)
    return count


def _prune_some(database: Database, pictures: Pictures, before: datetime) -> int:
    with database.session() as session:
        old = select(Analysis.id).where(Analysis.state.in_(ENDS), _ended(Analysis) < before)
        # With an index, and in its order, so that two processes that prune do not wait for each other for ever.
        ids = session.scalars(old.order_by(Analysis.id).limit(_TOGETHER).with_for_update(skip_locked=True)).all()
        gone = delete(Analysis).where(Analysis.id.in_(ids)).returning(Analysis.digest)
        digests = {each for each in session.scalars(gone) if each} if ids else set()
        left = pictures.release(session, digests)
    pictures.discard(left)
    return len(ids)


def _prune_jobs(database: Database, before: datetime) -> None:
    with database.session() as session:
        ends = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)
        empty = ~select(Analysis.id).where(Analysis.job_id == Job.id).exists()
        session.execute(delete(Job).where(Job.state.in_(ends), _ended(Job) < before, empty))


def _ended(table: type[Analysis] | type[Job]) -> ColumnElement[datetime]:
    return func.coalesce(table.finished, table.updated)


class Retention:
    """Prunes now and then, in a thread. A context manager.

    Args:
        database: with the records.
        pictures: of the records.
        keep: how long records are kept after their end; None for ever.
        every_s: how often it is looked, in seconds.
    """

    def __init__(
        self, database: Database, pictures: Pictures, keep: timedelta | None, every_s: float = _EVERY_S
    ) -> None:
        self._database, self._pictures, self._keep, self._every_s = database, pictures, keep, every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="visop-retention", daemon=True)

    def __enter__(self) -> Retention:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join(5.0)

    def _work(self) -> None:
        for number in itertools.count():
            try:
                if self._keep is not None and (count := prune(self._database, self._pictures, now() - self._keep)):
                    logger.info("%d records deleted, which ended more than %s ago", count, self._keep)
                if number % _SWEEP_EVERY == 0 and (left := self._pictures.sweep()):
                    logger.info("%d files deleted that no record had", left)
            except VisopError as error:
                logger.warning("old records stay for now: %s", error)
            if self._stopping.wait(self._every_s):
                return
