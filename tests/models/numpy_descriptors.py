"""The descriptors once more, in NumPy and float64, from the papers and from what their authors' code computes."""

from __future__ import annotations

from math import floor

import numpy as np


def unit(vectors: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norms == 0, 1, norms)


def descriptor(maps: np.ndarray, pooling: str, p: float = 3.0) -> np.ndarray:
    """(N, H, W, C) -> (N, C), not normalised."""
    return np.stack([_one(each.astype(np.float64), pooling, p) for each in maps])


def descriptor_of_several(maps: list[np.ndarray], pooling: str, p: float = 3.0) -> np.ndarray:
    """The same of several maps, each half as large as the one before, that count alike."""
    if pooling in ("rmac", "ramac"):
        return np.sum([descriptor(each, pooling) for each in maps], axis=0)
    # As of one map that holds every place of the smaller ones as often as it takes.
    grown = [each.repeat(2**step, axis=1).repeat(2**step, axis=2) for step, each in enumerate(maps)]
    return descriptor(np.concatenate(grown, axis=1), pooling, p)


def _one(image: np.ndarray, pooling: str, p: float) -> np.ndarray:
    if pooling == "avg":
        return image.mean(axis=(0, 1))
    if pooling == "max":
        return image.max(axis=(0, 1))
    if pooling == "gem":
        return (np.maximum(image, 1e-6) ** p).mean(axis=(0, 1)) ** (1 / p)
    return _regional(image, weighted=pooling == "ramac")


def _regional(image: np.ndarray, *, weighted: bool) -> np.ndarray:
    sums = image.sum(axis=2)
    active = sums > sums.mean()
    parts = [(image, active)]
    for top, left, side in grid(*sums.shape):
        part = slice(top, top + side), slice(left, left + side)
        parts.append((image[part], active[part]))
    shares = [float(mask.sum() / mask.size) for _, mask in parts]
    weights = [share if mask.sum() * 3 > mask.size else 0.0 for share, (_, mask) in zip(shares, parts, strict=True)]
    if not weighted or not any(weights):
        weights = [1.0] * len(parts)
    return np.sum(
        [weight * unit(part.max(axis=(0, 1))) for weight, (part, _) in zip(weights, parts, strict=True)], axis=0
    )


def grid(height: int, width: int, levels: int = 3) -> list[tuple[int, int, int]]:
    """(top, left, side) of every region, by the formulas of rmac_regionvec.m: centres first, with its floors."""
    short = min(height, width)
    steps = np.array([2, 3, 4, 5, 6, 7])
    b = (max(height, width) - short) / (steps - 1)
    index = int(np.argmin(np.abs((short**2 - short * b) / short**2 - 0.4)))
    more_down, more_right = ((index + 1) * (height > width), (index + 1) * (width > height))
    found = []
    for level in range(1, levels + 1):
        side = floor(2 * short / (level + 1))
        half = floor(side / 2 - 1)
        tops = _centres(height, side, half, level + more_down)
        lefts = _centres(width, side, half, level + more_right)
        found += [(top - half, left - half, side) for top in tops for left in lefts if side > 0]
    return found


def _centres(length: int, side: int, half: int, count: int) -> list[int]:
    b = 0.0 if count == 1 else (length - side) / (count - 1)
    # The authors' floor falls one short where rounding leaves i * b just below a whole number.
    return [floor(half + i * b + 1e-9) for i in range(count)]
