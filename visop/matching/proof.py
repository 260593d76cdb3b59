"""Prove by local features that a picture is an edited copy of another, and say where one lies in the other."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.matching.agreement import agreement
from visop.matching.descriptors import VIEWS, View, pairs_of, unit_vectors
from visop.matching.edits import edits_of
from visop.matching.features import Features, Floats, places
from visop.matching.overlap import Point
from visop.matching.transformation import Fit, Matrix, apply, corners, fit, mirror

#: Corners: of the top left, top right, bottom right and bottom left of a picture.
Outline = tuple[Point, Point, Point, Point]

#: Fewer places that agree are no proof: pairs of different pictures have 4 at most (benchmarks/matching.py).
LEAST_MATCHES = 6

#: Nor are they if less than this of what lies on top of each other is alike: two letters with one letterhead.
LEAST_AGREEMENT = 0.8

# So many matches are enough: the other views are not tried.
_CERTAIN = 40

# Of a picture that is looked for, the strongest features are enough.
_QUERY_MOST = 1000


@dataclass(frozen=True)
class Found:
    """How a picture lies in another.

    Attributes:
        outline: the corners of the picture, in pixels of the original; outside of it where the picture shows more.
        outline_of_original: the corners of the original, in pixels of the picture.
        matrix: (3, 3), row by row; takes homogeneous pixels of the picture to pixels of the original.
        mirrored: whether left and right were swapped.
        inverted: whether the colours were inverted.
        edits: what was done to the original, in words, such as ``cut to 24 % of the area``.
        lines: pairs of places that agree: x, y in the picture, x, y in the original.
    """

    outline: Outline
    outline_of_original: Outline
    matrix: tuple[tuple[float, float, float], ...]
    mirrored: bool
    inverted: bool
    edits: tuple[str, ...]
    lines: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class Proof:
    """What the local features say of a picture and one that may be its original.

    Attributes:
        is_copy: whether it is proven that one was made of the other. That it is not says little: strong edits and flat
            pictures leave too few features.
        matches: how many places of the one lie where one transformation takes those of the other.
        agreement: share of what lies on top of each other that is alike, 0 to 1; 0 where there are too few matches.
        found: how the one lies in the other; None if it is not proven.
    """

    is_copy: bool
    matches: int
    agreement: float
    found: Found | None

    def facts(self) -> dict[str, Any]:
        """What is told of it as JSON: all but the matrix and the lines."""
        facts = asdict(self)
        for found in filter(None, [facts["found"]]):
            del found["matrix"], found["lines"]
        return facts


def prove(picture: Features, original: Features) -> Proof:
    """Look for one picture in another: also mirrored, and with inverted colours.

    Args:
        picture: features of what may be a copy, or a part of one.
        original: features of the other. The result is much the same the other way round.
    """
    picture = picture.strongest(_QUERY_MOST)
    first, second = unit_vectors(picture), unit_vectors(original)
    best = Proof(False, 0, 0.0, None)
    for view in VIEWS:
        proof = _proof(picture, original, view, first[:, view.order], second)
        best = max(best, proof, key=lambda each: (each.is_copy, each.matches))
        if best.is_copy and best.matches >= _CERTAIN:
            break
    return best


def _proof(picture: Features, original: Features, view: View, first: Floats, second: Floats) -> Proof:
    pairs = pairs_of(first, second)
    points = _seen(picture, view)
    here, there = points[pairs[:, 0]], original.points[pairs[:, 1]]
    found = fit(here, there, picture.size, original.size)
    if found is None:
        return Proof(False, 0, 0.0, None)
    matches = min(_distinct(here[found.agreeing], picture), _distinct(there[found.agreeing], original))
    if matches < LEAST_MATCHES:
        return Proof(False, matches, 0.0, None)
    agreeing = _agreement(picture, original, view, found.matrix)
    is_copy = agreeing >= LEAST_AGREEMENT
    return Proof(is_copy, matches, agreeing, _found(picture, original, view, found, pairs) if is_copy else None)


def _seen(picture: Features, view: View) -> Floats:
    """The points of the features; in a mirror, if that is the view."""
    if not view.mirrored:
        return picture.points
    return np.column_stack([picture.size[0] - picture.points[:, 0], picture.points[:, 1]])


def _distinct(points: Floats, features: Features) -> int:
    return len(np.unique(places(points, features.size)))


def _agreement(picture: Features, original: Features, view: View, matrix: Matrix) -> float:
    grey = np.ascontiguousarray(picture.grey[:, ::-1]) if view.mirrored else picture.grey
    return agreement(grey, original.grey, matrix, (picture.size, original.size), inverted=view.inverted)


def _found(picture: Features, original: Features, view: View, fit_: Fit, pairs: npt.NDArray[np.int64]) -> Found:
    matrix = fit_.matrix @ mirror(picture.size) if view.mirrored else fit_.matrix
    matrix = matrix / matrix[2, 2]
    agreeing = pairs[fit_.agreeing]
    lines = np.column_stack([picture.points[agreeing[:, 0]], original.points[agreeing[:, 1]]])
    return Found(
        outline=_outline(matrix, picture.size),
        outline_of_original=_outline(np.linalg.inv(matrix), original.size),
        matrix=tuple((float(a), float(b), float(c)) for a, b, c in matrix),
        mirrored=view.mirrored,
        inverted=view.inverted,
        edits=edits_of(matrix, picture.size, original.size, mirrored=view.mirrored, inverted=view.inverted),
        lines=tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in lines),
    )


def _outline(matrix: Matrix, size: tuple[int, int]) -> Outline:
    a, b, c, d = ((float(x), float(y)) for x, y in apply(matrix, corners(size)))
    return a, b, c, d
