"""Tell folders whose pictures were deleted from folders that are not there now, such as a disk that is not mounted.

What is left of a disk that is not mounted is an empty folder, a folder with a few other files, or none. So a folder
that lost more than half of what the index knows below it is held to be away, and all others to be where deleting was
meant.

Device numbers are not compared: many network and removable disks have another one each time they are mounted, so that
they would seem to be away when a single picture was deleted from them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Away:
    """A folder that lost most of its pictures, which were left in the index.

    Attributes:
        folder: absolute path; the uppermost of which the index knows nothing that is still there, if there is one.
        missing: how many files of the index are missing below it.
    """

    folder: str
    missing: int


class Folders:
    """Counts the files that an index knows, by the folder that they are in.

    Args:
        roots: absolute paths; only what is below them is counted.
    """

    def __init__(self, roots: Iterable[str]) -> None:
        self._roots = frozenset(roots)
        self._there: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._away: set[str] | None = None

    def note(self, path: str, *, is_lost: bool) -> None:
        """Count a file that is there, or is lost: its content is nowhere else."""
        (self._lost if is_lost else self._there)[os.path.dirname(path)] += 1

    def is_away(self, path: str) -> bool:
        """Whether a lost file was in a folder that is away; to be asked when all files are noted."""
        return self._is_below_away(os.path.dirname(path))

    def away(self) -> list[Away]:
        """Return the folders that are away, with how many files are missing; sorted."""
        there = self._below(self._there)
        missing: Counter[str] = Counter()
        for folder, count in self._lost.items():
            if self._is_below_away(folder):
                missing[self._uppermost(folder, there)] += count
        return [Away(folder, missing[folder]) for folder in sorted(missing)]

    def _is_below_away(self, folder: str) -> bool:
        if self._away is None:
            self._away = self._find_away()
        return not self._away.isdisjoint(self._up(folder))

    def _find_away(self) -> set[str]:
        """Look at the innermost folders first: one that is away does not count for the folders that it is in."""
        there, lost = Counter(self._there), Counter(self._lost)
        away: set[str] = set()
        folders = {up for each in (*self._there, *self._lost) for up in self._up(each)}
        for folder in sorted(folders, key=len, reverse=True):
            if lost[folder] > there[folder]:
                away.add(folder)
            elif folder not in self._roots:
                there[os.path.dirname(folder)] += there[folder]
                lost[os.path.dirname(folder)] += lost[folder]
        return away

    def _below(self, counts: Counter[str]) -> Counter[str]:
        total: Counter[str] = Counter()
        for folder, count in counts.items():
            for up in self._up(folder):
                total[up] += count
        return total

    def _uppermost(self, folder: str, there: Counter[str]) -> str:
        return [folder, *(each for each in self._up(folder) if not there[each])][-1]

    def _up(self, folder: str) -> Iterator[str]:
        """Yield a folder and those that it is in, up to a root."""
        yield folder
        while folder not in self._roots and (above := os.path.dirname(folder)) != folder:
            folder = above
            yield folder
