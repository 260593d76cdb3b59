"""End a job when the last of its analyses has ended."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import exists, select

from visop.analyses.columns import now
from visop.analyses.database import Database
from visop.analyses.deliveries import announce_job
from visop.analyses.models import Analysis, Job
from visop.analyses.states import JobState, State

_UNFINISHED = (State.QUEUED, State.RUNNING)


def end_jobs(database: Database, ids: Iterable[int]) -> None:
    """End those of some jobs that have nothing left to do.

    In a transaction of its own, after that of the analyses: of two workers that end the last two analyses at the same
    time, neither would see the other's otherwise.
    """
    for id_ in sorted(ids):
        if _is_done(database, id_):
            _end(database, id_)


def end_finished_jobs(database: Database) -> None:
    """End all jobs that have nothing left to do: a worker may be killed between the last analysis and ``end_jobs``."""
    with database.reading() as session:
        ids = list(session.scalars(select(Job.id).where(Job.state == JobState.RUNNING, Job.total.is_not(None))))
    end_jobs(database, ids)


def _is_done(database: Database, id_: int) -> bool:
    left = exists().where(Analysis.job_id == Job.id, Analysis.state.in_(_UNFINISHED))
    done = select(Job.id).where(Job.id == id_, Job.state == JobState.RUNNING, Job.total.is_not(None), ~left)
    with database.reading() as session:
        return session.scalar(done) is not None


def _end(database: Database, id_: int) -> None:
    with database.session() as session:
        job = session.scalar(select(Job).where(Job.id == id_, Job.state == JobState.RUNNING).with_for_update())
        left = exists().where(Analysis.job_id == id_, Analysis.state.in_(_UNFINISHED))
        if job is not None and job.total is not None and not session.scalar(select(left)):
            job.state, job.finished = JobState.DONE, now()
            announce_job(session, job)
