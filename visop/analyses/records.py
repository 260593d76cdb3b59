"""Make, read, change and delete the records of analyses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload, selectinload
from sqlalchemy.orm.attributes import set_committed_value

from visop.analyses.adding import add_row, add_rows
from visop.analyses.analyse import Answer
from visop.analyses.columns import now
from visop.analyses.database import Database
from visop.analyses.deliveries import announce_analysis
from visop.analyses.errors import NoSuchAnalysis, WrongState
from visop.analyses.finishing import add_labels, begin_again, end, replace_results
from visop.analyses.models import Analysis, Job
from visop.analyses.ownership import is_of
from visop.analyses.pictures import KeptFile, Pictures
from visop.analyses.states import INTERACTIVE, JobState, State
from visop.analyses.stored import Outcome, result_rows
from visop.sources import is_url
from visop.tracing.current import kept_context


@dataclass(frozen=True)
class NewAnalysis:
    """What an analysis is to be of.

    Attributes:
        operators: their names.
        owner: who asks for it.
        source: the URL or the name of the picture's file; empty if it has none.
        kept: the picture; None if it is to be fetched from ``source``, or is no picture.
        webhook: the URL that is told when it ends.
        key: the caller's name for the request.
    """

    operators: Sequence[str]
    owner: str = ""
    source: str = ""
    kept: KeptFile | None = None
    webhook: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Ended:
    """An analysis that was made at once.

    Attributes:
        outcome: how it ended.
        answers: of the operators; none if there was no picture to give them.
        started: when it began.
    """

    outcome: Outcome
    answers: Sequence[Answer]
    started: datetime


class Records:
    """The records of analyses. May be used from several threads and processes.

    Args:
        database: where they are.
        pictures: what they are of.
    """

    def __init__(self, database: Database, pictures: Pictures) -> None:
        self._database, self._pictures = database, pictures

    def create(self, new: NewAnalysis, ended: Ended | None = None) -> Analysis:
        """Add an analysis: one that has ended, or one that is queued.

        Of two requests with the same key, only the first makes one; both get it.

        Raises:
            DatabaseUnavailable, PicturesUnavailable: it cannot be kept.
        """
        try:
            with self._database.session() as session:
                return self._create(session, new, ended)
        except IntegrityError:
            if new.key is None or (there := self.by_key(new.owner, new.key)) is None:
                raise
            return there

    def get(self, id_: int, owner: str | None = "") -> Analysis:
        """An analysis with its picture and results. Raises NoSuchAnalysis if the owner (see ``is_of``) has none."""
        with self._database.reading() as session:
            return _loaded(session, id_, owner)

    def by_key(self, owner: str, key: str) -> Analysis | None:
        """The analysis that a request with this key made, if there is one."""
        with self._database.reading() as session:
            found = select(Analysis.id).where(Analysis.owner == owner, Analysis.idempotency_key == key)
            id_ = session.scalar(found)
            return None if id_ is None else _loaded(session, id_, owner)

    def replace(self, id_: int, new: NewAnalysis, ended: Ended | None = None) -> Analysis:
        """Analyse again, with the same picture or another one: the results take the place of those before.

        Args:
            id_: of the analysis.
            new: as for ``create``; without a picture and a source, the picture stays.
            ended: None queues it.

        Raises:
            NoSuchAnalysis: there is none.
        """

        def change(session: Session, analysis: Analysis) -> None:
            analysis.operators = list(new.operators)
            if new.kept or new.source:
                self._change_picture(session, analysis, new)
            begin_again(session, analysis, State.QUEUED)
            if ended is None:
                _open_job(session, analysis)
            else:
                replace_results(session, analysis.id, ended.answers)
                _end(analysis, ended)
                announce_analysis(session, analysis)

        return self._change(id_, new.owner, change)

    def cancel(self, id_: int, owner: str | None = "") -> Analysis:
        """End an analysis that is queued or running; what a worker still finds of it is dropped.

        Raises:
            NoSuchAnalysis: there is none.
            WrongState: it has ended already, otherwise than by being cancelled.
        """

        def change(session: Session, analysis: Analysis) -> None:
            if analysis.state == State.CANCELLED:
                return
            if State(analysis.state).is_end:
                raise WrongState(f"analysis {id_} is {analysis.state}, and cannot be cancelled any more")
            end(analysis, Outcome(State.CANCELLED))
            announce_analysis(session, analysis)

        return self._change(id_, owner, change)

    def queue_again(self, id_: int, owner: str | None = "") -> Analysis:
        """Have an analysis that has ended made once more.

        Raises:
            NoSuchAnalysis: there is none.
            WrongState: its picture is not there.
        """

        def change(session: Session, analysis: Analysis) -> None:
            if State(analysis.state).is_end:
                if analysis.digest is None and not is_url(analysis.source):
                    raise WrongState(f"analysis {id_} has no picture that could be analysed again; send one with PUT")
                begin_again(session, analysis, State.QUEUED)
                _open_job(session, analysis)

        return self._change(id_, owner, change)

    def delete(self, id_: int, owner: str | None = "") -> None:
        """Delete an analysis, and its picture if no other is of it. Raises NoSuchAnalysis."""
        with self._database.session() as session:
            chosen = delete(Analysis).where(Analysis.id == id_, is_of(Analysis.owner, owner))
            gone = session.execute(chosen.returning(Analysis.digest)).first()
            if gone is None:
                raise NoSuchAnalysis.of(id_)
            left = self._pictures.release(session, [gone[0]] if gone[0] else [])
        self._pictures.discard(left)

    def _create(self, session: Session, new: NewAnalysis, ended: Ended | None) -> Analysis:
        """Add the analysis with all that belongs to it, so that nothing of it needs to be read back."""
        if new.kept:
            self._pictures.add(session, new.kept)
        analysis = _made(new, ended)
        analysis.id = add_row(session, analysis)
        results = result_rows(ended.answers) if ended else []
        for result in results:
            result.analysis_id = analysis.id
        add_rows(session, results)
        set_committed_value(analysis, "results", results)
        set_committed_value(analysis, "picture", new.kept.row() if new.kept else None)
        if ended:
            add_labels(session, analysis.id, ended.answers)
            announce_analysis(session, analysis)
        return analysis

    def _change(self, id_: int, owner: str | None, change: Callable[[Session, Analysis], None]) -> Analysis:
        """Change one analysis that nobody else changes meanwhile, and delete the picture that it had if it was its."""
        with self._database.session() as session:
            chosen = select(Analysis).where(Analysis.id == id_, is_of(Analysis.owner, owner)).with_for_update()
            analysis = session.scalar(chosen)
            if analysis is None:
                raise NoSuchAnalysis.of(id_)
            before = analysis.digest
            change(session, analysis)
            session.flush()
            left = self._pictures.release(session, [before]) if before and before != analysis.digest else []
            found = _loaded(session, id_, owner)
        self._pictures.discard(left)
        return found

    def _change_picture(self, session: Session, analysis: Analysis, new: NewAnalysis) -> None:
        analysis.source, analysis.digest = new.source, None
        if new.kept:
            self._pictures.add(session, new.kept)
            analysis.digest = new.kept.digest


def _made(new: NewAnalysis, ended: Ended | None) -> Analysis:
    analysis = Analysis(
        owner=new.owner,
        state=State.QUEUED,
        priority=INTERACTIVE,
        source=new.source,
        digest=new.kept.digest if new.kept else None,
        operators=list(new.operators),
        idempotency_key=new.key,
        webhook=new.webhook,
        trace=kept_context(),
        attempts=0,
        created=ended.started if ended else now(),
    )
    analysis.updated = analysis.created
    if ended:
        _end(analysis, ended)
    return analysis


def _open_job(session: Session, analysis: Analysis) -> None:
    """Have the job go on that the analysis belongs to, if it has ended: only then workers take from it."""
    over = Job.state.in_((JobState.DONE, JobState.FAILED))
    again = update(Job).where(Job.id == analysis.job_id, over)
    session.execute(again.values(state=JobState.RUNNING, finished=None, error_code=None, error=None))


def _end(analysis: Analysis, ended: Ended) -> None:
    end(analysis, ended.outcome)
    analysis.started, analysis.attempts = ended.started, 1


def _loaded(session: Session, id_: int, owner: str | None) -> Analysis:
    """An analysis with all that belongs to it, which can be read after the session."""
    session.flush()
    chosen = (
        select(Analysis)
        .where(Analysis.id == id_, is_of(Analysis.owner, owner))
        .options(joinedload(Analysis.picture), selectinload(Analysis.results))
        .execution_options(populate_existing=True)
    )
    found = session.scalar(chosen)
    if found is None:
        raise NoSuchAnalysis.of(id_)
    return found
