"""Which inputs could not be indexed and why, as far as is known now: for the page, which says it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from visop.errors import VisopError
from visop.rpc.statuses import code_of
from visop.search.failures import Failures

# More are only counted. A whole library that cannot be read does not fill the memory.
_MOST_KEPT = 10_000


@dataclass(frozen=True)
class Failure:
    """An input that could not be indexed.

    Attributes:
        name: absolute path or URL.
        code: the name of its gRPC status.
        reason: in words.
    """

    name: str
    code: str
    reason: str


class FailureList:
    """May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Failure] = {}
        self._more = 0

    @property
    def count(self) -> int:
        """How many there are, also of those that are not kept."""
        with self._lock:
            return len(self._kept) + self._more

    def first(self, limit: int) -> Sequence[Failure]:
        """Return the first of them, in the order in which they failed."""
        with self._lock:
            return list(self._kept.values())[:limit]

    def add(self, name: str, error: VisopError) -> None:
        """Add an input that failed, in place of an earlier failure of it."""
        with self._lock:
            if len(self._kept) < _MOST_KEPT or name in self._kept:
                self._kept[name] = Failure(name, code_of(error).name, str(error))
            else:
                self._more += 1

    def clear(self) -> None:
        """Forget all, because all inputs are tried again."""
        with self._lock:
            self._kept, self._more = {}, 0

    def forget(self, paths: Iterable[str]) -> None:
        """Forget those of some files and of all below some folders, because they are tried again, or are gone."""
        files = frozenset(paths)
        below = tuple(os.path.join(path, "") for path in files)
        with self._lock:
            self._kept = {
                name: each for name, each in self._kept.items() if name not in files and not name.startswith(below)
            }


class ListedFailures(Failures):
    """Failures that are also in a list. Arguments as those of ``Failures``."""

    def __init__(self, errors: Path | None, into: FailureList) -> None:
        super().__init__(errors, or_count=True)
        self._into = into

    def add(self, name: str, error: VisopError) -> None:
        """Add a failed input, as ``Failures`` does."""
        super().add(name, error)
        self._into.add(name, error)
