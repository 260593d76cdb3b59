"""Whose work is next: what is urgent first, then owners by turns, then the jobs of an owner by turns."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Analyses that wait for the same turn: those of a job, or the single ones of an owner.

    Attributes:
        priority: lower comes first.
        owner: whose they are.
        job_id: None for single ones.
    """

    priority: int
    owner: str
    job_id: int | None


class Turns:
    """Remembers whom this worker served when. Thread-safe.

    Each worker is fair by itself, so all of them are together, and nothing of it needs to be stored.
    """

    def __init__(self) -> None:
        self._number = itertools.count(1)
        self._lock = threading.Lock()
        self._served: dict[tuple[str, int | None] | str, int] = {}

    def order(self, groups: Iterable[Group]) -> list[Group]:
        """The groups, whose turn it is first."""
        with self._lock:
            return sorted(groups, key=self._rank)

    def served(self, group: Group) -> None:
        """Note that a group had its turn."""
        with self._lock:
            number = next(self._number)
            self._served[group.owner] = self._served[group.owner, group.job_id] = number

    def _rank(self, group: Group) -> tuple[int, int, int, str, int]:
        owner, job = self._served.get(group.owner, 0), self._served.get((group.owner, group.job_id), 0)
        return group.priority, owner, job, group.owner, group.job_id or 0
