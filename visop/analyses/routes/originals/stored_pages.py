"""Finished analyses by numbered pages, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import joinedload, selectinload

from visop.analyses.database import Database
from visop.analyses.models import Analysis
from visop.analyses.routes.originals.numbered_pages import PAGE_SIZE
from visop.analyses.states import State


def count_done(database: Database, owner: str, token: int | None = None) -> int:
    """How many there are, or whether there is one with this id. Raises DatabaseUnavailable."""
    with database.reading() as session:
        chosen = select(func.count()).select_from(Analysis).where(*_done(owner, token))
        return session.scalar(chosen) or 0


def page_of_done(database: Database, owner: str, number: int, token: int | None = None) -> Sequence[Analysis]:
    """A page of them, with their pictures and results. Raises DatabaseUnavailable."""
    chosen = select(Analysis).where(*_done(owner, token)).order_by(Analysis.id.desc())
    chosen = chosen.offset((number - 1) * PAGE_SIZE).limit(PAGE_SIZE)
    with database.reading() as session:
        return session.scalars(chosen.options(joinedload(Analysis.picture), selectinload(Analysis.results))).all()


def _done(owner: str, token: int | None) -> list[ColumnElement[bool]]:
    """What failed is no record in the eyes of an original's client: it would be one in which nothing was found."""
    found = [Analysis.owner == owner, Analysis.state == State.DONE]
    return found if token is None else [*found, Analysis.id == token]
