"""How much there is to do: what workers are scaled by."""

from __future__ import annotations

from sqlalchemy import func, or_, select

from visop.analyses.columns import now
from visop.analyses.database import Database
from visop.analyses.models import Analysis, Job
from visop.analyses.states import JobState, State


def queue_depth(database: Database) -> dict[str, float]:
    """How many analyses wait for a worker, how many are being made, and for how long the oldest has waited.

    Those of jobs that are paused wait for nobody.
    """
    paused = select(Job.id).where(Job.state == JobState.PAUSED)
    waits = Analysis.state == State.QUEUED, or_(Analysis.job_id.is_(None), Analysis.job_id.not_in(paused))
    with database.reading() as session:
        queued, oldest = session.execute(select(func.count(), func.min(Analysis.created)).where(*waits)).one()
        running = session.scalar(select(func.count()).where(Analysis.state == State.RUNNING)) or 0
    age_s = (now() - oldest).total_seconds() if queued else 0.0
    return {"queued": queued, "running": running, "oldest_s": round(max(0.0, age_s), 1)}
