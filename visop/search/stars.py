"""Split vectors that are linked, directly or through others, into stars: a centre and those that are linked to it.

A chain of links joins what has nothing in common: one picture between two groups is enough. In a star each member is
itself like the centre. The centre is the vector with most and closest links, which among edited copies is nearly always
the original: its copies are more like it than like each other.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_STRIP = 256


def stars(vectors: Floats, thresholds: Floats) -> list[list[int]]:
    """Return the stars, each of two numbers at least, the centre first.

    Args:
        vectors: (N, dimension) float32, of unit length, linked with each other directly or not.
        thresholds: (N,) float32: two vectors are linked if their cosine reaches the thresholds of both.
    """
    order = np.argsort(-_degrees(vectors, thresholds), kind="stable")
    free = np.ones(len(vectors), bool)
    centres: list[int] = []
    for number in order.tolist():
        if free[number]:
            linked = _linked(vectors, thresholds, number)
            if (linked & free).sum() > 1:
                centres.append(number)
                free[linked] = False
            free[number] = False
    return _around(vectors, thresholds, centres)


def _degrees(vectors: Floats, thresholds: Floats) -> Floats:
    """(N,) float32: the sum of the cosines of the links of each vector."""
    degrees = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), _STRIP):
        strip = slice(start, start + _STRIP)
        cosines = vectors[strip] @ vectors.T
        needed = np.maximum(thresholds[strip, None], thresholds)
        degrees[strip] = np.where(cosines >= needed, cosines, 0).sum(axis=1)
    return degrees


def _linked(vectors: Floats, thresholds: Floats, number: int) -> npt.NDArray[np.bool_]:
    linked: npt.NDArray[np.bool_] = vectors @ vectors[number] >= np.maximum(thresholds, thresholds[number])
    linked[number] = True
    return linked


def _around(vectors: Floats, thresholds: Floats, centres: list[int]) -> list[list[int]]:
    """Give each vector to the centre that is most like it of those that it is linked to."""
    best, nearest = np.full(len(vectors), -2, np.float32), np.full(len(vectors), -1)
    for place, centre in enumerate(centres):
        cosines = np.where(_linked(vectors, thresholds, centre), vectors @ vectors[centre], -2)
        cosines[centre] = 2
        nearer = cosines > best
        best[nearer], nearest[nearer] = cosines[nearer], place
    found = [[centre] for centre in centres]
    for number in np.flatnonzero(nearest >= 0).tolist():
        if number != centres[nearest[number]]:
            found[nearest[number]].append(number)
    return [star for star in found if len(star) > 1]
