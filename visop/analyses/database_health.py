"""Look now and then whether the database answers, so that probes are told at once."""

from __future__ import annotations

import threading
from types import TracebackType

from visop.analyses.database import Database

_EVERY_S = 1.0


class DatabaseHealth:
    """Asks the database in a thread. A context manager.

    Args:
        database: that is asked.
        every_s: how often, in seconds.
    """

    def __init__(self, database: Database, every_s: float = _EVERY_S) -> None:
        self._database, self._every_s = database, every_s
        self._trouble: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="visop-database", daemon=True)

    def __enter__(self) -> DatabaseHealth:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join(2 * self._every_s)

    def trouble(self) -> str | None:
        """Why the database could not be used when it was last asked, in words, or None. Does not wait."""
        return self._trouble

    def _watch(self) -> None:
        while not self._stopping.wait(self._every_s):
            self._trouble = self._database.trouble()
