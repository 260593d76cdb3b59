"""The views of a query: the whole picture, and windows of it, for pictures that were pasted into a larger one.

A picture that sits inside another is not like the whole of it, but like the window that it fills. Windows are those of
``regions:10``, whose middle one is the middle half. A long picture, such as the screenshot of a phone, has squares
along its long side, too. Mirrored views were tried and left out: the shipped encoder finds a mirrored picture as well
as a turned one, by the whole of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from visop.detection import Box
from visop.processors.regions import region_boxes

_SCHEME = 10

# A picture is long from this aspect on; neighbouring squares share half of their side, and there are at most so many.
_LONG, _STEP, _MOST_SQUARES = 1.4, 0.5, 8


def view_boxes(size: tuple[int, int]) -> Sequence[Box]:
    """The boxes of the views of a picture of (width, height) pixels, the whole first: 10, or up to 18 of a long one."""
    return [*region_boxes(_SCHEME, size), *_squares(*size)]


def _squares(width: int, height: int) -> list[Box]:
    """Squares as wide as the short side, spread evenly along the long one."""
    short, long = sorted((width, height))
    if long < _LONG * short:
        return []
    count = min(_MOST_SQUARES, math.ceil((long / short - 1) / _STEP) + 1)
    starts = [number * (long - short) / (count - 1) for number in range(count)]
    side = float(short)
    return [(start, 0.0, side, side) if width > height else (0.0, start, side, side) for start in starts]
