"""Lists of analyses: filters, and pages that neither skip nor repeat a record while others come and go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, exists, func, select, text
from sqlalchemy.orm import Session, defer, joinedload, selectinload

from visop.analyses.columns import CleanString
from visop.analyses.database import Database
from visop.analyses.models import Analysis, Label, Result
from visop.analyses.ownership import is_of


@dataclass(frozen=True)
class Filters:
    """Which analyses are wanted; all that are not None must hold.

    Attributes:
        owner: whose; None is everybody's.
        state: in which state they are.
        operator: that they were, or will be, given to.
        label: that was found.
        job: that they belong to.
        created_after: at this time or later.
        created_before: before this time.
    """

    owner: str | None = ""
    state: str | None = None
    operator: str | None = None
    label: str | None = None
    job: int | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


def newest(
    database: Database, filters: Filters, limit: int, before: int | None = None, *, vectors: bool = False
) -> Sequence[Analysis]:
    """The newest analyses that fit, with their pictures and results.

    Args:
        database: where they are.
        filters: which are wanted.
        limit: how many at most.
        before: only those with a smaller id, which is the last one of the page before.
        vectors: whether the vectors are read, too.
    """
    with database.reading() as session:
        chosen = select(Analysis).where(*_conditions(session, filters)).order_by(Analysis.id.desc()).limit(limit)
        if before is not None:
            chosen = chosen.where(Analysis.id < before)
        results = selectinload(Analysis.results)
        loads = results if vectors else results.options(defer(Result.vector, raiseload=True))
        return session.scalars(chosen.options(joinedload(Analysis.picture), loads)).all()


def count(database: Database, filters: Filters) -> int:
    """How many analyses fit."""
    with database.reading() as session:
        found = select(func.count()).select_from(Analysis).where(*_conditions(session, filters))
        return session.scalar(found) or 0


def _conditions(session: Session, filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [is_of(Analysis.owner, filters.owner)]
    for column, value in ((Analysis.state, filters.state), (Analysis.job_id, filters.job)):
        if value is not None:
            found.append(column == value)
    if filters.created_after is not None:
        found.append(Analysis.created >= filters.created_after)
    if filters.created_before is not None:
        found.append(Analysis.created < filters.created_before)
    if filters.operator is not None:
        found.append(_has_operator(session, filters.operator))
    if filters.label is not None:
        found.append(_has_label(filters))
    return found


def _has_label(filters: Filters) -> ColumnElement[bool]:
    """Of the operator that is asked for, if one is."""
    found = exists().where(Label.analysis_id == Analysis.id, Label.label == filters.label)
    return found if filters.operator is None else found.where(Label.operator == filters.operator)


def _has_operator(session: Session, name: str) -> ColumnElement[bool]:
    """Both databases look into the list, in words of their own."""
    if session.get_bind().dialect.name == "sqlite":
        words = "EXISTS (SELECT 1 FROM json_each(analyses.operators) WHERE json_each.value = :operator)"
    else:
        words = "EXISTS (SELECT 1 FROM json_array_elements_text(analyses.operators) AS o WHERE o = :operator)"
    return text(words).bindparams(bindparam("operator", name, CleanString()))  # type: ignore[return-value]
