"""Add to groups of copies those pictures that are less like them, but more like them than like anything else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_STRIP = 256


def join_nearest(vectors: Floats, groups: Sequence[Sequence[int]], thresholds: Floats) -> list[list[int]]:
    """Return the groups, grown by vectors of no group whose nearest one is in them, and pairs of such vectors.

    That two are each other's nearest is evidence that a high cosine alone is not: of all pairs, there are only half as
    many such ones as vectors, so that their threshold may be lower.

    Args:
        vectors: (N, dimension) float32, of unit length.
        groups: numbers of vectors; no vector is in two.
        thresholds: (N,) float32: which the cosine has to reach, of both vectors.
    """
    found = [list(group) for group in groups]
    group_of = np.full(len(vectors), -1)
    for place, group in enumerate(found):
        group_of[group] = place
    nearest, cosines = _nearest(vectors, np.flatnonzero(group_of < 0))
    for number in sorted(np.flatnonzero(nearest >= 0).tolist(), key=lambda each: -cosines[each]):
        other = int(nearest[number])
        if group_of[number] >= 0 or cosines[number] < max(thresholds[number], thresholds[other]):
            continue
        if group_of[other] < 0 and nearest[other] == number:
            group_of[[number, other]] = len(found)
            found.append([other, number])
        elif group_of[other] >= 0 and _first_outside(vectors, found[group_of[other]], other) == number:
            found[group_of[other]].append(number)
            group_of[number] = group_of[other]
    return found


def _nearest(vectors: Floats, numbers: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], Floats]:
    """(N,) each: for these vectors the number of the one that is most like it, and the cosine; -1 for the others."""
    nearest, cosines = np.full(len(vectors), -1), np.full(len(vectors), -1, np.float32)
    for start in range(0, len(numbers), _STRIP):
        strip = numbers[start : start + _STRIP]
        products = vectors[strip] @ vectors.T
        products[np.arange(len(strip)), strip] = -2
        nearest[strip] = products.argmax(axis=1)
        cosines[strip] = products.max(axis=1)
    return nearest, cosines


def _first_outside(vectors: Floats, group: Sequence[int], number: int) -> int:
    """The vector outside of a group that is most like this one of its members."""
    cosines = vectors @ vectors[number]
    cosines[list(group)] = -2
    return int(cosines.argmax())
