"""List the pictures of a job, some at a time: each becomes an analysis that is queued.

What is listed is stored together with how far that is, so a worker that is killed in between leaves no picture out, and
none twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from sqlalchemy import insert, or_, select
from sqlalchemy.orm import Session

from visop.analyses.columns import now
from visop.analyses.database import Database
from visop.analyses.deliveries import announce_job
from visop.analyses.job_ends import end_jobs
from visop.analyses.models import Analysis, Job
from visop.analyses.reading_sources import SourceReader
from visop.analyses.states import JobState, State
from visop.errors import FetchUnavailable, VisopError
from visop.rpc.statuses import code_of

#: Pictures that are listed in one transaction.
PAGE = 500

URLS, UPLOAD = "urls", "upload"

_LEASE_S = 60.0
_AGAIN_S = 5.0
_MOST_ATTEMPTS = 20


def anything_to_list(session: Session) -> bool:
    """Whether the pictures of a job are still to be listed, and nobody is at it."""
    return session.scalar(_waiting().with_only_columns(Job.id).limit(1)) is not None


def list_next(database: Database, reader: SourceReader) -> int:
    """List some more pictures of the job that waits longest for it; how many."""
    with database.reading() as session:
        if not anything_to_list(session):
            return 0
    job = _claim(database)
    if job is None:
        return 0
    try:
        names = _next(job, reader, _last(database, job))
    except VisopError as error:
        _failed(database, job, error)
        return 0
    _store(database, job, names)
    if len(names) < PAGE:
        end_jobs(database, [job.id])
    return len(names)


def analysis_of(job: Job, item: int, source: str) -> dict[str, Any]:
    """The columns of the analysis of one picture of a job."""
    return {
        "owner": job.owner,
        "state": State.QUEUED,
        "priority": job.priority,
        "source": source,
        "operators": job.operators,
        "job_id": job.id,
        "item": item,
        "attempts": 0,
        "losses": 0,
    }


def _waiting() -> Any:
    at = now()
    free = or_(Job.lease_until.is_(None), Job.lease_until < at)
    due = or_(Job.not_before.is_(None), Job.not_before <= at)
    listed = Job.total.is_(None), Job.source["kind"].as_string() != UPLOAD
    return (
        select(Job).where(Job.state.in_((JobState.QUEUED, JobState.RUNNING)), *listed, free, due).order_by(Job.updated)
    )


def _claim(database: Database) -> Job | None:
    with database.session() as session:
        job: Job | None = session.scalar(_waiting().limit(1).with_for_update(skip_locked=True))
        if job is not None:
            job.claim, job.lease_until = uuid.uuid4().hex, now() + timedelta(seconds=_LEASE_S)
        return job


def _last(database: Database, job: Job) -> str:
    """The source of the picture that was listed last; empty if none was."""
    with database.reading() as session:
        last = select(Analysis.source).where(Analysis.job_id == job.id, Analysis.item == job.expanded - 1)
        return session.scalar(last) or ""


def _next(job: Job, reader: SourceReader, last: str) -> Sequence[str]:
    if job.source["kind"] == URLS:
        urls: list[str] = job.source["urls"]
        return urls[job.expanded : job.expanded + PAGE]
    return list(islice(reader.names(job.source, last), PAGE))


def _store(database: Database, job: Job, names: Sequence[str]) -> None:
    with database.session() as session:
        held = _held(session, job)
        if held is None:
            return
        rows = [analysis_of(held, held.expanded + number, name) for number, name in enumerate(names)]
        if rows:
            session.execute(insert(Analysis), rows)
        held.expanded += len(rows)
        if held.state == JobState.QUEUED:
            held.state = JobState.RUNNING
        if len(rows) < PAGE:
            held.total = held.expanded
            held.source = {key: value for key, value in held.source.items() if key != "urls"}
        _release(held)


def _failed(database: Database, job: Job, error: VisopError) -> None:
    with database.session() as session:
        held = _held(session, job)
        if held is None:
            return
        _release(held)
        held.attempts += 1
        if isinstance(error, FetchUnavailable) and held.attempts < _MOST_ATTEMPTS:
            held.not_before = now() + timedelta(seconds=_AGAIN_S * held.attempts)
            return
        held.state, held.finished = JobState.FAILED, now()
        held.error_code, held.error = code_of(error).name, str(error)
        announce_job(session, held)


def _held(session: Session, job: Job) -> Job | None:
    """The job, unless its lease was lost, or it was cancelled meanwhile."""
    mine = select(Job).where(Job.id == job.id, Job.claim == job.claim, Job.total.is_(None))
    return session.scalar(mine.with_for_update())


def _release(job: Job) -> None:
    job.claim = job.lease_until = job.not_before = None
