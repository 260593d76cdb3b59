"""Fit the transformation that takes one picture to the other, and refuse what no edit does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.matching.features import Floats
from visop.matching.library import opencv

Matrix = npt.NDArray[np.floating[Any]]

# How far a point may be from where the transformation takes it, as a share of the longer side.
_TOLERANCE = 0.006
# Of the tolerance: how far from the affine transformation a point may be that is seen in perspective.
_PERSPECTIVE = 5
# Random samples at most, which bounds the time; 3 matches each, of which 1 in 10 may be right.
_ROUNDS, _CONFIDENCE = 3000, 0.999
# An affine transformation is fixed by three pairs, a homography by four.
_LEAST = 4

# A picture is scaled by no more than this, nor one side by more than so many times the other; a corner that is seen
# in perspective is no more than so many times as far away as another.
_MOST_SCALE, _MOST_STRETCH, _MOST_DEPTH = 24.0, 4.0, 4.0


@dataclass(frozen=True, eq=False)
class Fit:
    """A transformation and what it rests on.

    Attributes:
        matrix: (3, 3) float64, takes homogeneous x and y of the first picture to the second.
        agreeing: (M,) bool: which of the pairs it explains.
    """

    matrix: Matrix
    agreeing: npt.NDArray[np.bool_]


def fit(first: Floats, second: Floats, size: tuple[int, int], other_size: tuple[int, int]) -> Fit | None:
    """Find the transformation with which the most pairs of points agree; None if there is no plausible one.

    Random samples: M. Fischler and R. Bolles, "Random sample consensus", CACM 24(6), 1981, as MAGSAC++ of OpenCV
    weighs them. An affine transformation is found among far more wrong pairs than a homography, which is then fitted
    to what is near it, if more pairs agree with that.

    Args:
        first: (M, 2) in pixels of the first picture.
        second: (M, 2) in pixels of the second picture.
        size: (width, height) of the first picture.
        other_size: of the second.
    """
    if len(first) < _LEAST:
        return None
    tolerance = _TOLERANCE * max(other_size)
    affine = _affine(first, second, tolerance)
    if affine is None or not is_plausible(affine.matrix, size, other_size):
        return None
    homography = _homography(first, second, tolerance, affine)
    if homography is not None and is_plausible(homography.matrix, size, other_size):
        return homography
    return affine


def apply(matrix: Matrix, points: Matrix) -> Matrix:
    """Take points, (N, 2), to the other picture."""
    homogeneous = np.column_stack([points.astype(np.float64), np.ones(len(points))]) @ matrix.T
    taken: Matrix = homogeneous[:, :2] / homogeneous[:, 2:]
    return taken


def corners(size: tuple[int, int]) -> Matrix:
    """The corners of a picture, (4, 2): top left, top right, bottom right, bottom left."""
    width, height = size
    return np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)


def mirror(size: tuple[int, int]) -> Matrix:
    """What swaps left and right of a picture."""
    return np.array([(-1, 0, size[0]), (0, 1, 0), (0, 0, 1)], np.float64)


def is_plausible(matrix: Matrix, size: tuple[int, int], other_size: tuple[int, int]) -> bool:
    """Whether an edit may do this: no folding, no mirroring, and scale, stretch and perspective within limits."""
    depths = np.column_stack([corners(size), np.ones(4)]) @ matrix[2]
    if not np.isfinite(matrix).all() or depths.min() <= 0 or depths.max() > _MOST_DEPTH * depths.min():
        return False
    # Relative to the longer sides: of a file of half the size, half the scale is none.
    scaled = jacobian(matrix, size) * max(size) / max(other_size)
    if np.linalg.det(scaled) <= 0:
        return False
    large, small = np.linalg.svd(scaled, compute_uv=False)
    return bool(large <= _MOST_STRETCH * small and 1 / _MOST_SCALE <= np.sqrt(large * small) <= _MOST_SCALE)


def jacobian(matrix: Matrix, size: tuple[int, int]) -> Matrix:
    """How the transformation scales and turns at the middle of the first picture, (2, 2)."""
    middle = np.array([size[0] / 2, size[1] / 2, 1])
    x, y, depth = matrix @ middle
    scaled: Matrix = (matrix[:2, :2] - np.outer((x / depth, y / depth), matrix[2, :2])) / depth
    return scaled


def _affine(first: Floats, second: Floats, tolerance: float) -> Fit | None:
    cv2 = opencv()
    limits = {"ransacReprojThreshold": tolerance, "maxIters": _ROUNDS, "confidence": _CONFIDENCE}
    found, _ = cv2.estimateAffine2D(first, second, method=cv2.USAC_MAGSAC, **limits)
    if found is None:
        return None
    return _judged(np.vstack([found, (0, 0, 1)]), first, second, tolerance)


def _homography(first: Floats, second: Floats, tolerance: float, affine: Fit) -> Fit | None:
    """The homography near an affine transformation; None if not clearly more pairs agree with it."""
    cv2 = opencv()
    near = _errors(affine.matrix, first, second) < _PERSPECTIVE * tolerance
    if near.sum() < 2 * _LEAST:
        return None
    found, _ = cv2.findHomography(
        first[near], second[near], cv2.USAC_MAGSAC, tolerance, maxIters=_ROUNDS, confidence=_CONFIDENCE
    )
    if found is None:
        return None
    better = _judged(found, first, second, tolerance)
    return better if better.agreeing.sum() > 1.05 * affine.agreeing.sum() + 1 else None


def _judged(matrix: Matrix, first: Floats, second: Floats, tolerance: float) -> Fit:
    return Fit(matrix, _errors(matrix, first, second) < tolerance)


def _errors(matrix: Matrix, first: Floats, second: Floats) -> Matrix:
    """How far each point is from where it should be, in pixels; infinite where it cannot be said."""
    with np.errstate(all="ignore"):
        distances = np.linalg.norm(apply(matrix, first) - second, axis=1)
    errors: Matrix = np.nan_to_num(distances, nan=np.inf)
    return errors
