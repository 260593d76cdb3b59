"""The rows that filters mean: remembered, and completed with those that were written since."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from visop.search.embedded.filters import Condition

Rows = npt.NDArray[np.int64]

# Filters whose rows are remembered.
_REMEMBERED = 4

# To test a row that was written since takes about as long as to find one that meets the filter. From so many on, all
# that meet it are looked up anew.
_WRITTEN_SINCE = 20_000


@dataclass(frozen=True)
class _Known:
    """What was found of a filter.

    Attributes:
        rewritten: how often pictures that were there had been written again, which may meet it since, or not any more.
        last: the highest row at that time.
        rows: that meet it, sorted; some may have been deleted since.
    """

    rewritten: int
    last: int
    rows: Rows


class AllowedRows:
    """May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def known(self, connection: sqlite3.Connection, expression: str, condition: Condition) -> Rows | None:
        """Return the rows that meet a condition, sorted, if most of them are remembered; some may be deleted."""
        with self._lock:
            before = self._known.get(expression)
        if before is None or before.rewritten != _rewritten(connection):
            return None
        last = _last(connection)
        if last > before.last + _WRITTEN_SINCE:
            return None
        if last > before.last:
            written = _written_behind(connection, before.last, condition)
            before = _Known(before.rewritten, last, np.concatenate([before.rows, written]))
            self._remember(expression, before)
        return before.rows

    def looked_up(self, connection: sqlite3.Connection, expression: str, condition: Condition) -> Rows:
        """Return the rows that meet a condition, sorted, and remember them."""
        known = self.known(connection, expression, condition)
        if known is not None:
            return known
        sql = f"SELECT row FROM pictures JOIN parts ON parts.picture = pictures.number WHERE {condition.sql}"  # noqa: S608
        rows = np.sort(np.fromiter((row for (row,) in connection.execute(sql, condition.values)), np.int64))
        self._remember(expression, _Known(_rewritten(connection), _last(connection), rows))
        return rows

    def _remember(self, expression: str, found: _Known) -> None:
        with self._lock:
            self._known.pop(expression, None)
            while len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[expression] = found


def note_rewritten(connection: sqlite3.Connection) -> None:
    """Tell that pictures which were there are written again."""
    sql = "INSERT INTO about VALUES ('rewritten', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1"
    connection.execute(sql)


def _rewritten(connection: sqlite3.Connection) -> int:
    found = connection.execute("SELECT value FROM about WHERE key = 'rewritten'").fetchone()
    return int(found[0]) if found else 0


def _last(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT ifnull(max(row), 0) FROM parts").fetchone()[0])


def _written_behind(connection: sqlite3.Connection, row: int, condition: Condition) -> Rows:
    sql = (
        "SELECT row FROM parts CROSS JOIN pictures ON pictures.number = parts.picture "  # noqa: S608 - values are parameters
        f"WHERE row > ? AND {condition.sql} ORDER BY row"
    )
    return np.fromiter((row for (row,) in connection.execute(sql, (row, *condition.values))), np.int64)
