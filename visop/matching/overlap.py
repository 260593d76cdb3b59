"""What of a picture lies inside an outline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from visop.matching.library import opencv
from visop.matching.transformation import Matrix, corners

Point = tuple[float, float]


@dataclass(frozen=True)
class Overlap:
    """A part of a picture.

    Attributes:
        share: of the area of the picture, 0 to 1.
        polygon: the corners of the part, in pixels; 3 to 8 of them, none if the share is 0.
    """

    share: float
    polygon: tuple[Point, ...]


def overlap(outline: Sequence[Point] | Matrix, size: tuple[int, int]) -> Overlap:
    """Return the part of a picture, (width, height), that lies inside a convex outline."""
    frame = corners(size).astype(np.float32)
    area, points = opencv().intersectConvexConvex(np.array(outline, np.float32), frame)
    if not area:
        return Overlap(0.0, ())
    polygon = tuple((float(x), float(y)) for x, y in np.asarray(points).reshape(-1, 2))
    return Overlap(min(1.0, float(area) / (size[0] * size[1])), polygon)
