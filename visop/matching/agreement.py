"""Lay a picture over its supposed original, and see whether what lies on top of each other is alike.

Features may match although the pictures differ: two screenshots of one program, two letters of one sender. Then most of
what lies on top of each other is not alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from visop.matching.library import opencv
from visop.matching.transformation import Matrix, jacobian

Grey = npt.NDArray[np.uint8]
_Floats = npt.NDArray[np.floating[Any]]

# Pixels of the longer side of the picture as it is laid over the original, and of the side of the cells of it.
_SIDE, _CELL = 96, 8

# Grey levels. A cell with a smaller deviation is flat, and says nothing. The second is for pictures that are faint
# everywhere.
_FLAT = (4.0, 1.0)

# The correlation of a cell, -1 to 1, up to which it is not alike in both, and that from which it is alike. Between them
# it is so in part, as the lines of different texts are.
_UNLIKE, _ALIKE = 0.5, 0.7

# Grey levels by which what is filled around a picture that was turned may differ.
_FILLED = 10


def agreement(
    first: Grey, second: Grey, matrix: Matrix, sizes: tuple[tuple[int, int], tuple[int, int]], *, inverted: bool
) -> float:
    """Return the share of the cells that are alike, 0 to 1, of those where both have something; 0 if there are none.

    Alike is what correlates, so that brightness and contrast do not matter. What is filled around a picture that was
    turned is no part of it.

    Args:
        first: the picture, (h, w) uint8, scaled down; seen in a mirror, if it was mirrored.
        second: its supposed original, likewise.
        matrix: (3, 3), takes homogeneous pixels of the first at full size to pixels of the second.
        sizes: (width, height) of both at full size.
        inverted: whether the colours of one are inverted.
    """
    cv2 = opencv()
    raster = _SIDE / max(sizes[0])  # pixels of the raster for one of the picture
    width, height = (max(1, round(side * raster)) for side in sizes[0])
    here = cv2.resize(first, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    there, inside = _warped(second, matrix, sizes, (width, height))
    correlation, is_marked = _correlations(255 - here if inverted else here, there, inside & _unfilled(here))
    alike = np.clip((correlation - _UNLIKE) / (_ALIKE - _UNLIKE), 0, 1)
    return float(alike[is_marked].mean()) if is_marked.any() else 0.0


def _unfilled(picture: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where there is something of a picture, (h, w): in the convex hull of all that is not as its four corners are."""
    cv2 = opencv()
    four = picture[[0, 0, -1, -1], [0, -1, 0, -1]].astype(np.float32)
    points = cv2.findNonZero((np.abs(picture - np.median(four)) > _FILLED).astype(np.uint8))
    if points is None or np.ptp(four) > _FILLED:
        return np.ones(picture.shape, np.bool_)
    hull = cv2.fillConvexPoly(np.zeros(picture.shape, np.uint8), cv2.convexHull(points), 1)
    # Without the pixels at its edge, which have something of both.
    return np.asarray(cv2.erode(hull, np.ones((3, 3), np.uint8)) > 0)


def _warped(
    second: Grey, matrix: Matrix, sizes: tuple[tuple[int, int], tuple[int, int]], size: tuple[int, int]
) -> tuple[_Floats, npt.NDArray[np.bool_]]:
    """The original as it lies under the picture, (h, w), and where there is something of it."""
    cv2 = opencv()
    scale = np.sqrt(abs(np.linalg.det(jacobian(matrix, sizes[0])))) * sizes[0][0] / size[0]
    # Reduced first to the scale of the raster, so that no pixel is left out.
    factor = min(1.0, sizes[1][0] / (scale * second.shape[1]))
    reduced = max(2, round(second.shape[1] * factor)), max(2, round(second.shape[0] * factor))
    second = cv2.resize(second, reduced, interpolation=cv2.INTER_AREA)
    to_full = np.diag([sizes[0][0] / size[0], sizes[0][1] / size[1], 1.0])
    to_reduced = np.diag([reduced[0] / sizes[1][0], reduced[1] / sizes[1][1], 1.0])
    # Pixels have their centres at a half; of OpenCV, at whole numbers.
    half = np.array([(1, 0, 0.5), (0, 1, 0.5), (0, 0, 1)])
    mapping = np.linalg.inv(half) @ to_reduced @ matrix @ to_full @ half
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    there = cv2.warpPerspective(second, mapping, size, flags=flags)
    inside = cv2.warpPerspective(255 * _unfilled(second).astype(np.uint8), mapping, size, flags=flags) > 250
    return there.astype(np.float32), inside


def _correlations(
    here: _Floats, there: _Floats, inside: npt.NDArray[np.bool_]
) -> tuple[_Floats, npt.NDArray[np.bool_]]:
    """The correlation in each cell, and whether both have something there; a cell at an edge may be smaller."""
    weights = inside.astype(np.float32)
    count = np.maximum(_sums(weights), 1)
    a, b = ((each - _spread(_sums(each * weights) / count, each.shape)) * weights for each in (here, there))
    variances = _sums(a * a) / count, _sums(b * b) / count
    marks, is_whole = np.sqrt(np.minimum(*variances)), count >= _CELL * _CELL / 2
    is_marked = next((some for flat in _FLAT if (some := is_whole & (marks >= flat)).any()), np.zeros_like(is_whole))
    products = _sums(a * b) / count
    correlation: _Floats = products / np.sqrt(np.maximum(variances[0] * variances[1], 1e-6))
    return correlation, is_marked


def _sums(values: _Floats) -> _Floats:
    """Sums over the cells."""
    rows = np.add.reduceat(values, np.arange(0, values.shape[0], _CELL), axis=0)
    sums: _Floats = np.add.reduceat(rows, np.arange(0, values.shape[1], _CELL), axis=1)
    return sums


def _spread(cells: _Floats, shape: tuple[int, ...]) -> _Floats:
    """A value for each pixel of its cell."""
    return cells.repeat(_CELL, axis=0)[: shape[0]].repeat(_CELL, axis=1)[:, : shape[1]]
