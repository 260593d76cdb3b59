"""Write into an analysis how it ended, in place of what it had before."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.orm import Session

from visop.analyses.analyse import Answer
from visop.analyses.columns import now
from visop.analyses.models import Analysis, Label, Result
from visop.analyses.stored import Outcome, label_rows, result_rows
from visop.tracing.current import kept_context


def replace_results(session: Session, id_: int, answers: Sequence[Answer]) -> None:
    """Store what operators answered, in place of the results that the analysis had."""
    clear_results(session, id_)
    for result in result_rows(answers):
        result.analysis_id = id_
        session.add(result)
    add_labels(session, id_, answers)


def add_labels(session: Session, id_: int, answers: Sequence[Answer]) -> None:
    """Store which labels were found, to filter by."""
    for label in label_rows(answers):
        label.analysis_id = id_
        session.add(label)


def clear_results(session: Session, id_: int) -> None:
    """Delete the results of an analysis."""
    session.execute(delete(Result).where(Result.analysis_id == id_))
    session.execute(delete(Label).where(Label.analysis_id == id_))


def end(analysis: Analysis, outcome: Outcome) -> None:
    """Note how it ended. Nobody is at work on it afterwards."""
    analysis.state, analysis.error_code, analysis.error = outcome.state, outcome.error_code, outcome.error
    analysis.claim = analysis.lease_until = analysis.not_before = None
    analysis.finished = analysis.updated = now()


def begin_again(session: Session, analysis: Analysis, state: str) -> None:
    """Forget how it ended, for it to be analysed once more."""
    clear_results(session, analysis.id)
    analysis.state, analysis.error_code, analysis.error = state, None, None
    analysis.claim = analysis.lease_until = analysis.not_before = analysis.finished = analysis.started = None
    analysis.attempts, analysis.losses, analysis.updated = 0, 0, now()
    analysis.trace = kept_context()
