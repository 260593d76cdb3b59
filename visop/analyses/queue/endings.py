"""Store how the analyses of a claim ended, each once: only while the claim holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from visop.analyses.analyse import Answer, errors_of
from visop.analyses.columns import now
from visop.analyses.deliveries import announce_analysis
from visop.analyses.finishing import end
from visop.analyses.models import Analysis, Label, Result
from visop.analyses.pictures import KeptFile, Pictures
from visop.analyses.queue.retries import wait_s
from visop.analyses.states import State
from visop.analyses.stored import Outcome, label_rows, outcome_of, result_rows
from visop.errors import VisopError


@dataclass(frozen=True)
class Ending:
    """What came of one analysis.

    Attributes:
        id: of the analysis.
        answers: of its operators; empty if there was no picture to give them.
        error: why there was none.
        kept: its picture, if it was fetched just now and is kept.
    """

    id: int
    answers: Sequence[Answer] = ()
    error: VisopError | None = None
    kept: KeptFile | None = None

    def errors(self) -> list[VisopError]:
        """All that went wrong."""
        return [self.error] if self.error else errors_of(self.answers)


def store_endings(session: Session, pictures: Pictures, claim: str, endings: Sequence[Ending]) -> set[int]:
    """Store the results of what is still claimed; the jobs that it belongs to.

    What passes, such as an operator that is being restarted, queues the analysis again.
    """
    by_id = {each.id: each for each in endings}
    mine = select(Analysis).where(Analysis.id.in_(by_id), Analysis.claim == claim, Analysis.state == State.RUNNING)
    analyses = list(session.scalars(mine.order_by(Analysis.id).with_for_update()))
    held = [each.id for each in analyses]
    session.execute(delete(Result).where(Result.analysis_id.in_(held)))
    session.execute(delete(Label).where(Label.analysis_id.in_(held)))
    for analysis in analyses:
        _store(session, pictures, analysis, by_id[analysis.id])
    return {each.job_id for each in analyses if each.job_id is not None}


def _store(session: Session, pictures: Pictures, analysis: Analysis, ending: Ending) -> None:
    if ending.kept:
        pictures.add(session, ending.kept)
        analysis.digest = ending.kept.digest
    waits = [wait_s(error, analysis.attempts) for error in ending.errors()]
    if again := [each for each in waits if each is not None]:
        _queue_again(analysis, max(again))
        return
    rows: list[Result | Label] = [*result_rows(ending.answers), *label_rows(ending.answers)]
    for row in rows:
        row.analysis_id = analysis.id
    session.add_all(rows)
    end(analysis, Outcome.failed(ending.error) if ending.error else outcome_of(ending.answers))
    announce_analysis(session, analysis)


def _queue_again(analysis: Analysis, seconds: float) -> None:
    analysis.state, analysis.claim, analysis.lease_until = State.QUEUED, None, None
    analysis.started, analysis.not_before = None, now() + timedelta(seconds=seconds)
