"""Jobs: many analyses that are submitted, followed, paused and cancelled together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from visop.analyses.columns import now
from visop.analyses.database import Database
from visop.analyses.deliveries import announce_job
from visop.analyses.errors import NoSuchJob, WrongState
from visop.analyses.job_ends import end_jobs
from visop.analyses.listing_jobs import UPLOAD, analysis_of
from visop.analyses.models import Analysis, Job, Label, Result
from visop.analyses.ownership import is_of
from visop.analyses.pictures import KeptFile, Pictures
from visop.analyses.states import BATCH, JobState, State
from visop.tracing.current import kept_context


@dataclass(frozen=True)
class NewJob:
    """What a job is to be of.

    Attributes:
        operators: their names.
        source: where the pictures come from; ``kind`` says what else there is.
        owner: who asks for it.
        name: for people.
        priority: of its analyses; lower comes first.
        webhook: the URL that is told when it ends.
        key: the caller's name for the request.
        pictures: those that were sent with it, (name, file) each; the job has no others then.
    """

    operators: Sequence[str]
    source: dict[str, Any]
    owner: str = ""
    name: str = ""
    priority: int = BATCH
    webhook: str | None = None
    key: str | None = None
    pictures: Sequence[tuple[str, KeptFile]] = field(default=())


class Jobs:
    """The jobs of a service. May be used from several threads and processes.

    Args:
        database: where they are.
        pictures: what they are of.
    """

    def __init__(self, database: Database, pictures: Pictures) -> None:
        self._database, self._pictures = database, pictures

    def create(self, new: NewJob) -> Job:
        """Add a job, or return that which a request with the same key made.

        Raises:
            DatabaseUnavailable: it cannot be kept.
        """
        try:
            with self._database.session() as session:
                job = _made(new)
                session.add(job)
                session.flush()
                if new.pictures:
                    self._add(session, job, 0, new.pictures)
                    job.total = job.expanded
            return job
        except IntegrityError:
            if new.key is None or (there := self.by_key(new.owner, new.key)) is None:
                raise
            return there

    def get(self, id_: int, owner: str | None = "") -> Job:
        """One job; ``owner``: whose it must be, as ``is_of``. Raises NoSuchJob."""
        with self._database.reading() as session:
            return _found(session, id_, owner)

    def by_key(self, owner: str, key: str) -> Job | None:
        """The job that a request with this key made, if there is one."""
        with self._database.reading() as session:
            return session.scalar(select(Job).where(Job.owner == owner, Job.idempotency_key == key))

    def newest(self, owner: str | None, state: str | None, limit: int, before: int | None) -> Sequence[Job]:
        """The newest jobs; of those with a smaller id than ``before``, if it is given."""
        chosen = select(Job).where(is_of(Job.owner, owner)).order_by(Job.id.desc()).limit(limit)
        if state:
            chosen = chosen.where(Job.state == state)
        if before is not None:
            chosen = chosen.where(Job.id < before)
        with self._database.reading() as session:
            return session.scalars(chosen).all()

    def add_pictures(
        self, id_: int, owner: str | None, first: int | None, pictures: Sequence[tuple[str, KeptFile]]
    ) -> Job:
        """Add pictures to an open job. Sent again with the same position, they change nothing.

        Args:
            id_: of the job.
            owner: whose it must be, as ``is_of``.
            first: the position of the first one; None is after all others.
            pictures: (name, file) each.

        Raises:
            NoSuchJob: there is none.
            WrongState: it takes no more pictures.
        """
        with self._database.session() as session:
            job = _found(session, id_, owner, lock=True)
            if job.source.get("kind") != UPLOAD or job.total is not None or JobState(job.state).is_end:
                raise WrongState(f"job {id_} is closed, and takes no more pictures")
            self._add(session, job, job.expanded if first is None else first, pictures)
            return job

    def complete(self, id_: int, owner: str | None) -> Job:
        """Close an open job: it has all of its pictures. Raises NoSuchJob."""
        with self._database.session() as session:
            job = _found(session, id_, owner, lock=True)
            if job.source.get("kind") == UPLOAD and job.total is None:
                job.total = job.expanded
                if job.state == JobState.QUEUED:
                    job.state = JobState.RUNNING
        end_jobs(self._database, [id_])
        return self.get(id_, owner)

    def pause(self, id_: int, owner: str | None) -> Job:
        """Begin no more of its analyses; what runs is finished. Raises NoSuchJob, WrongState."""
        return self._change(id_, owner, JobState.PAUSED, (JobState.QUEUED, JobState.RUNNING))

    def resume(self, id_: int, owner: str | None) -> Job:
        """Go on with a job that was paused. Raises NoSuchJob, WrongState."""
        job = self._change(id_, owner, JobState.RUNNING, (JobState.PAUSED,))
        end_jobs(self._database, [id_])
        return job

    def cancel(self, id_: int, owner: str | None) -> Job:
        """End a job with all of its analyses; results that are there stay. Raises NoSuchJob, WrongState."""
        with self._database.session() as session:
            job = _found(session, id_, owner, lock=True)
            if job.state == JobState.CANCELLED:
                return job
            if JobState(job.state).is_end:
                raise WrongState(f"job {id_} is {job.state}, and cannot be cancelled any more")
            job.state, job.finished, job.claim, job.lease_until = JobState.CANCELLED, now(), None, None
            left = Analysis.job_id == id_, Analysis.state.in_((State.QUEUED, State.RUNNING))
            ended = {"state": State.CANCELLED, "claim": None, "lease_until": None, "finished": now()}
            session.execute(update(Analysis).where(*left).values(**ended))
            announce_job(session, job)
            return job

    def retry(self, id_: int, owner: str | None) -> Job:
        """Queue again what failed. Raises NoSuchJob; WrongState if the job was cancelled."""
        with self._database.session() as session:
            job = _found(session, id_, owner, lock=True)
            if job.state == JobState.CANCELLED:
                raise WrongState(f"job {id_} is cancelled")
            failed = select(Analysis.id).where(Analysis.job_id == id_, Analysis.state == State.FAILED)
            for table in (Result, Label):
                session.execute(delete(table).where(table.analysis_id.in_(failed)))
            anew = {"state": State.QUEUED, "attempts": 0, "losses": 0, "error": None, "error_code": None}
            chosen = update(Analysis).where(Analysis.job_id == id_, Analysis.state == State.FAILED)
            session.execute(chosen.values(**anew, not_before=None, started=None, finished=None))
            if job.state != JobState.PAUSED:
                job.state, job.finished, job.error, job.error_code, job.attempts = JobState.RUNNING, None, None, None, 0
        end_jobs(self._database, [id_])
        return self.get(id_, owner)

    def delete(self, id_: int, owner: str | None) -> None:
        """Delete a job with its analyses and their pictures. Raises NoSuchJob."""
        with self._database.session() as session:
            _found(session, id_, owner, lock=True)
            digests = set(session.scalars(select(Analysis.digest).where(Analysis.job_id == id_).distinct()))
            session.execute(delete(Job).where(Job.id == id_))
            left = self._pictures.release(session, [each for each in digests if each])
        self._pictures.discard(left)

    def _change(self, id_: int, owner: str | None, state: JobState, before: Sequence[JobState]) -> Job:
        with self._database.session() as session:
            job = _found(session, id_, owner, lock=True)
            if job.state != state and job.state not in before:
                raise WrongState(f"job {id_} is {job.state}, and cannot be made {state}")
            job.state = state
            return job

    def _add(self, session: Session, job: Job, first: int, pictures: Sequence[tuple[str, KeptFile]]) -> None:
        for kept in sorted((each for _, each in pictures), key=lambda each: each.digest):
            self._pictures.add(session, kept)  # in one order, so that two requests never wait for each other
        rows = [
            {**analysis_of(job, first + number, name), "digest": kept.digest}
            for number, (name, kept) in enumerate(pictures)
        ]
        insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
        if rows:
            session.execute(insert(Analysis).on_conflict_do_nothing(), rows)
        job.expanded = max(job.expanded, first + len(rows))
        if job.state == JobState.QUEUED:
            job.state = JobState.RUNNING


def counts_of(database: Database, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """How many analyses of each job are in which state."""
    found: dict[int | None, dict[str, int]] = {id_: dict.fromkeys((each.value for each in State), 0) for id_ in ids}
    grouped = select(Analysis.job_id, Analysis.state, func.count()).where(Analysis.job_id.in_(ids))
    with database.reading() as session:
        for id_, state, count in session.execute(grouped.group_by(Analysis.job_id, Analysis.state)):
            found[id_][state] = count
    return {id_: found[id_] for id_ in ids}


def _made(new: NewJob) -> Job:
    return Job(
        owner=new.owner,
        name=new.name,
        operators=list(new.operators),
        source=new.source,
        priority=new.priority,
        webhook=new.webhook,
        trace=kept_context(),
        idempotency_key=new.key,
        state=JobState.QUEUED,
        expanded=0,
    )


def _found(session: Session, id_: int, owner: str | None, *, lock: bool = False) -> Job:
    chosen = select(Job).where(Job.id == id_, is_of(Job.owner, owner))
    job = session.scalar(chosen.with_for_update() if lock else chosen)
    if job is None:
        raise NoSuchJob.of(id_)
    return job
