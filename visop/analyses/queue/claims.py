"""Claim analyses that are queued, and let go of them. A claim is a lease: who does not renew it loses it.

Every function is a part of the transaction that it is given.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, CursorResult, and_, exists, or_, select, update
from sqlalchemy.orm import Session

from visop.analyses.columns import now
from visop.analyses.models import Analysis, Job
from visop.analyses.queue.turns import Group, Turns
from visop.analyses.states import JobState, State

#: Of jobs whose analyses are made. One that could not be listed to its end has failed, and what was listed is made.
OPEN = (JobState.QUEUED, JobState.RUNNING, JobState.FAILED)

#: An analysis whose worker was lost so often is parked: it may be what kills them.
MAX_LOSSES = 3

_LOST = "ABORTED"


@dataclass(frozen=True)
class Claim:
    """Analyses that one worker is at work on.

    Attributes:
        name: in the column ``claim``; no two are the same.
        analyses: as they were before.
        more: whether others are probably waiting.
    """

    name: str
    analyses: Sequence[Analysis]
    more: bool


def claim(
    session: Session, turns: Turns, *, limit: int, lease_s: float, operators: Collection[str] | None = None
) -> Claim | None:
    """Claim the analyses whose turn it is, at most ``limit``; None if none is due.

    Args:
        session: a transaction that may write.
        turns: of this worker.
        limit: at least 1. What lost its worker before is claimed alone, so that what kills workers is found.
        lease_s: how long the claim holds unless it is renewed, in seconds.
        operators: what this worker can call; None is everything. An analysis of others is left to other workers.
    """
    at = now()
    groups = turns.order(_groups(session, at, operators))
    for group in groups:
        rows = [each for each in _first(session, group, at, limit) if _can(operators, each.operators)]
        if rows:
            turns.served(group)
            name = uuid.uuid4().hex
            _mark(session, [each.id for each in rows], name, at, lease_s)
            return Claim(name, rows, more=len(rows) == limit or len(groups) > 1 or rows[0].losses > 0)
    return None


def renew(session: Session, name: str, lease_s: float) -> int:
    """Hold a claim for longer; how many analyses are still of it."""
    until = now() + timedelta(seconds=lease_s)
    mine = and_(Analysis.state == State.RUNNING, Analysis.claim == name)
    return _count(session.execute(update(Analysis).where(mine).values(lease_until=until)))


def give_back(session: Session, name: str, ids: Collection[int]) -> None:
    """Queue again what was claimed and not begun."""
    _requeue(session, and_(Analysis.claim == name, Analysis.id.in_(ids)), attempts=Analysis.attempts - 1)


def sweep(session: Session) -> int:
    """Queue again what lost its worker, and park what lost it too often; how many were lost."""
    lost = and_(Analysis.state == State.RUNNING, Analysis.lease_until < now())
    parked = update(Analysis).where(lost, Analysis.losses >= MAX_LOSSES - 1)
    words = f"the worker was lost {MAX_LOSSES} times while it was at this picture, which may be the cause"
    ended = {"state": State.FAILED, "error_code": _LOST, "error": words, "finished": now(), "claim": None}
    count = _count(session.execute(parked.values(**ended, lease_until=None, losses=Analysis.losses + 1)))
    return count + _requeue(session, lost, losses=Analysis.losses + 1)


def is_due(at: datetime) -> ColumnElement[bool]:
    """Whether an analysis waits for a worker, and not for a time yet to come."""
    return and_(Analysis.state == State.QUEUED, or_(Analysis.not_before.is_(None), Analysis.not_before <= at))


def anything_due(session: Session) -> bool:
    """Whether a worker that looked now would find something."""
    return bool(_groups(session, now(), None))


def _groups(session: Session, at: datetime, operators: Collection[str] | None) -> list[Group]:
    waiting = exists().where(Analysis.job_id == Job.id, is_due(at))
    columns = select(Job.priority, Job.owner, Job.id, Job.operators)  # without the source, which may be long
    jobs = session.execute(columns.where(Job.state.in_(OPEN), waiting))
    single = select(Analysis.priority, Analysis.owner).where(Analysis.job_id.is_(None), is_due(at)).distinct()
    return [Group(*row[:3]) for row in jobs if _can(operators, row.operators)] + [
        Group(*row, None) for row in session.execute(single)
    ]


def _can(operators: Collection[str] | None, wanted: Collection[str]) -> bool:
    return operators is None or set(wanted) <= set(operators)


def _first(session: Session, group: Group, at: datetime, limit: int) -> list[Analysis]:
    mine: ColumnElement[bool] = (
        Analysis.job_id == group.job_id if group.job_id is not None else Analysis.job_id.is_(None)
    )
    if group.job_id is None:
        mine = and_(mine, Analysis.owner == group.owner, Analysis.priority == group.priority)
    chosen = select(Analysis).where(mine, is_due(at)).order_by(Analysis.id).limit(limit)
    rows = list(session.scalars(chosen.with_for_update(skip_locked=True)))
    if rows and rows[0].losses:
        return rows[:1]
    return [each for each in rows if not each.losses]


def _mark(session: Session, ids: Sequence[int], name: str, at: datetime, lease_s: float) -> None:
    values = {"state": State.RUNNING, "claim": name, "lease_until": at + timedelta(seconds=lease_s), "started": at}
    chosen = update(Analysis).where(Analysis.id.in_(ids)).execution_options(synchronize_session=False)
    session.execute(chosen.values(**values, attempts=Analysis.attempts + 1, updated=at))


def _requeue(session: Session, chosen: ColumnElement[bool], **values: object) -> int:
    free = {"state": State.QUEUED, "claim": None, "lease_until": None, "started": None}
    rows = update(Analysis).where(Analysis.state == State.RUNNING, chosen)
    return _count(session.execute(rows.values(**free, **values).execution_options(synchronize_session=False)))


def _count(result: object) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0
