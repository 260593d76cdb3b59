"""Boxes of a picture at the size that a network takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from visop.contract import Image
from visop.processors.boxes import Floats

# What is outside the picture; 0 for the networks.
_OUTSIDE = 127.5


def sampled(image: Image, boxes: Floats, side: int) -> Floats:
    """Sample boxes at ``side`` x ``side`` points each, bilinearly, as the networks were trained to expect.

    Args:
        image: (H, W, 3) uint8.
        boxes: (N, 4), left, top, right, bottom in pixels; may stand out.
        side: points along a side; the first and the last are the edges of the box.

    Returns:
        (N, side, side, 3) float32, 0 to 255.
    """
    height, width = image.shape[:2]
    columns, beside, across, inside_x = _points(boxes[:, 0], boxes[:, 2], side, width)
    rows, below, down, inside_y = _points(boxes[:, 1], boxes[:, 3], side, height)
    upper = _between(image, rows, columns, beside, across)
    lower = _between(image, below, columns, beside, across)
    points = upper + (lower - upper) * down[:, :, None, None]
    inside = inside_y[:, :, None] & inside_x[:, None, :]
    return np.where(inside[..., None], points, np.float32(_OUTSIDE))


def _points(
    starts: Floats, ends: Floats, side: int, size: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats, npt.NDArray[np.bool_]]:
    """Along one axis, (N, side) each: the pixel before each point, the one after, the share of that, inside or not."""
    shares = np.linspace(0, 1, side, dtype=np.float32)
    points = (starts[:, None] + (ends - starts)[:, None] * shares) * np.float32((size - 1) / size)
    before = np.clip(np.floor(points), 0, size - 1).astype(np.intp)
    return before, np.minimum(before + 1, size - 1), points - before, (points >= 0) & (points <= size - 1)


def _between(
    image: Image,
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
    beside: npt.NDArray[np.intp],
    share: Floats,
) -> Floats:
    left = image[rows[:, :, None], columns[:, None, :]].astype(np.float32)
    right = image[rows[:, :, None], beside[:, None, :]].astype(np.float32)
    result: Floats = left + (right - left) * share[:, None, :, None]
    return result
