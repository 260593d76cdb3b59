"""Pictures at the size that an SSD takes, sampled as each variant was trained: bilinear, with no smoothing before.

So fine patterns of large pictures make noise, which the networks know. No value is rounded.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from visop.contract import Image
from visop.processors.boxes import Floats

Sampling = Literal["corners", "middles"]


def resized(image: Image, side: int, sampling: Sampling) -> Floats:
    """Sample a picture at ``side`` x ``side`` points.

    Args:
        image: (H, W, 3) uint8, of any size.
        side: points along a side.
        sampling: which points correspond. ``corners``: the left upper ones, ``tf.image.resize_bilinear`` of TensorFlow
            1 with ``align_corners=False``. ``middles``: of pixels, ``torch.nn.functional.interpolate``.

    Returns:
        (side, side, 3) float32, 0 to 255.
    """
    above, below, down = _points(image.shape[0], side, sampling)
    left, right, across = _points(image.shape[1], side, sampling)
    upper, lower = image[above], image[below]  # whole rows first, which lie together in memory
    across = across[:, None]
    first, second = (_between(each[:, left], each[:, right], across) for each in (upper, lower))
    return _between(first, second, down[:, None, None])


def _points(size: int, side: int, sampling: Sampling) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
    """Along one axis: the pixel before each point, the one after, and the share of that."""
    scale = np.float32(size / side)
    points = np.arange(side, dtype=np.float32)
    points = points * scale if sampling == "corners" else (points + np.float32(0.5)) * scale - np.float32(0.5)
    points = np.maximum(points, 0)
    before = np.minimum(points.astype(np.intp), size - 1)
    return before, np.minimum(before + 1, size - 1), points - before.astype(np.float32)


def _between(first: npt.NDArray[Any], second: npt.NDArray[Any], share: Floats) -> Floats:
    start = first.astype(np.float32)
    result: Floats = start + (second.astype(np.float32) - start) * share
    return result
