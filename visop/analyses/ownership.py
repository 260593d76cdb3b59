"""Whose records a caller sees and changes: its own, or those of everybody."""

from __future__ import annotations

from sqlalchemy import ColumnElement, true
from sqlalchemy.orm import InstrumentedAttribute


def is_of(column: InstrumentedAttribute[str], owner: str | None) -> ColumnElement[bool]:
    """Whether a row is of this owner; None is everybody."""
    return true() if owner is None else column == owner
