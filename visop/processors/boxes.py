"""Boxes as arrays: overlap, non-maximum suppression, squares. Boxes are rows (left, top, right, bottom)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def overlap(box: Floats, others: Floats, of: Literal["union", "smaller"] = "union") -> Floats:
    """The area that a box shares with each of others, as a share of their union or of the smaller of the two.

    Args:
        box: (4,).
        others: (N, 4).
        of: which.

    Returns:
        (N,), 0 to 1; 0 where both are empty.
    """
    corner, end = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    sides = np.maximum(end - corner, 0)
    shared = sides[:, 0] * sides[:, 1]
    own, theirs = areas(box[None])[0], areas(others)
    whole = own + theirs - shared if of == "union" else np.minimum(own, theirs)
    result: Floats = np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)
    return result


def areas(boxes: Floats) -> Floats:
    """Of (N, 4) boxes, (N,)."""
    result: Floats = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return result


def suppress(
    boxes: Floats, scores: Floats, threshold: float, *, of: Literal["union", "smaller"] = "union", most: int = 10_000
) -> npt.NDArray[np.intp]:
    """The indices that ``standing`` gives, as an array."""
    return np.fromiter(standing(boxes, scores, threshold, of=of, most=most), np.intp)


def standing(
    boxes: Floats, scores: Floats, threshold: float, *, of: Literal["union", "smaller"] = "union", most: int = 10_000
) -> Iterator[int]:
    """Greedy non-maximum suppression: of boxes that overlap, that of the highest score stays.

    Args:
        boxes: (N, 4).
        scores: (N,).
        threshold: an overlap above it suppresses.
        of: of ``overlap``.
        most: at most so many of the highest scores are looked at, which bounds the work.

    Yields:
        The indices of those that stay, the highest score first; of equal scores the first.
    """
    left = np.argsort(-scores, kind="stable")[:most]
    while len(left):
        first, left = left[0], left[1:]
        yield int(first)
        left = left[overlap(boxes[first], boxes[left], of) <= threshold]


def squares(boxes: Floats) -> Floats:
    """The squares round the same middles whose sides are the longer sides, (N, 4)."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    half = sizes.max(axis=1, keepdims=True) / 2
    middles = boxes[:, :2] + sizes / 2
    return np.hstack([middles - half, middles + half])
