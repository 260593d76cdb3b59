"""Jobs as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from visop.analyses.columns import now
from visop.analyses.database import Database
from visop.analyses.jobs import counts_of
from visop.analyses.models import Analysis, Job
from visop.analyses.record_json import error_json, moment
from visop.analyses.states import JobState, State

# The errors of a job that are told, the most common first.
_ERRORS = 10

#: In ``Job.source``: of the request that made it, by which another one with its key is told apart.
REQUEST = "request"
_UNTOLD = ("urls", REQUEST)

# The rate is that of the analyses that ended in the last seconds.
_RATE_S = 30.0


def jobs_json(database: Database, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """Jobs for a list: without their errors."""
    counts = counts_of(database, [each.id for each in jobs])
    return [_job(each, counts[each.id], _rate(database, each), ()) for each in jobs]


def job_json(database: Database, job: Job) -> dict[str, Any]:
    """One job, with its most common errors."""
    return _job(job, counts_of(database, [job.id])[job.id], _rate(database, job), _errors(database, job))


def _job(
    job: Job, counts: Mapping[str, int], rate: float | None, errors: Sequence[Mapping[str, object]]
) -> dict[str, Any]:
    left = counts[State.QUEUED] + counts[State.RUNNING]
    found: dict[str, Any] = {
        "id": job.id,
        "name": job.name,
        "state": job.state,
        "operators": job.operators,
        "source": {key: value for key, value in job.source.items() if key not in _UNTOLD},
        "total": job.total,
        "listed": job.expanded,
        "counts": dict(counts),
        "rate": rate,
        "seconds_left": round(left / rate, 1) if rate and job.total is not None else None,
        "errors": list(errors),
        "created": moment(job.created),
        "updated": moment(job.updated),
        "finished": moment(job.finished),
    }
    if job.owner:
        found["owner"] = job.owner
    if job.error_code:
        found["error"] = error_json(job.error_code, job.error)
    return found


def _errors(database: Database, job: Job) -> list[dict[str, object]]:
    number = func.count().label("number")
    chosen = select(Analysis.error_code, Analysis.error, number).where(
        Analysis.job_id == job.id, Analysis.state == State.FAILED
    )
    grouped = chosen.group_by(Analysis.error_code, Analysis.error).order_by(number.desc(), Analysis.error)
    with database.reading() as session:
        rows = session.execute(grouped.limit(_ERRORS)).all()
    return [{"code": code, "detail": detail, "count": count} for code, detail, count in rows]


def _rate(database: Database, job: Job) -> float | None:
    """Analyses per second, lately; over all of its time if the job has ended."""
    if job.state == JobState.RUNNING:
        since = max(job.created, datetime.fromtimestamp(now().timestamp() - _RATE_S, job.created.tzinfo))
        seconds = (now() - since).total_seconds()
    elif job.finished:
        since, seconds = job.created, (job.finished - job.created).total_seconds()
    else:
        return None
    ended = select(func.count()).where(Analysis.job_id == job.id, Analysis.finished >= since)
    with database.reading() as session:
        count = session.scalar(ended) or 0
    return round(count / seconds, 2) if count and seconds > 0 else None
