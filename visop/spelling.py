"""Which known name was probably meant by an unknown one."""

from __future__ import annotations

from collections.abc import Iterable

# From this many letters on, two slips still leave no doubt which name was meant.
_LONG = 8


def near_miss(name: str, known: Iterable[str]) -> str | None:
    """The known name that is one slip away from ``name``, or two if it is long; None if there is none.

    A slip is a letter too many, too few or wrong, or two neighbours exchanged. Case and underscores do not count.
    """
    slips = {each: _slips(_plain(name), _plain(each)) for each in known}
    near = [each for each, count in slips.items() if count <= (2 if len(_plain(each)) >= _LONG else 1)]
    return min(near, key=slips.__getitem__, default=None)


def _plain(name: str) -> str:
    return name.replace("_", "").casefold()


def _slips(one: str, other: str) -> int:
    """The optimal string alignment distance (Damerau-Levenshtein without edits inside an exchange)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            row.append(min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != wanted)))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], wanted):
                row[j] = min(row[j], before[j - 2] + 1)
        before, last = last, row
    return last[-1]
