"""Make closed curves: the outlines of leaves, stones, houses and bodies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

# Points (n, 2), x to the right and y down, in pixels of the canvas or within about 1 of the origin; and one point (2,).
Outline = npt.NDArray[np.float64]
Point = npt.NDArray[np.float64]


def turned(points: Outline, angle: float) -> Outline:
    """Turn points round the origin by an angle in radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([points[:, 0] * cos - points[:, 1] * sin, points[:, 0] * sin + points[:, 1] * cos], axis=1)


def _ellipse(rng: np.random.Generator) -> Outline:
    angles = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles) * rng.uniform(0.25, 1.0)], axis=1)


def _box(rng: np.random.Generator) -> Outline:
    half = rng.uniform(0.15, 1.0)
    return np.array([[-1.0, -half], [1.0, -half], [1.0, half], [-1.0, half]])


def _polygon(rng: np.random.Generator) -> Outline:
    angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * rng.uniform(0.6, 1.0, (len(angles), 1))


def _blob(rng: np.random.Generator) -> Outline:
    angles = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    waves = np.arange(2, 8)
    heights = rng.normal(0, 0.35, len(waves)) / waves
    radius = 1 + np.cos(angles[:, None] * waves + rng.uniform(0, 2 * np.pi, len(waves))) @ heights
    return np.stack([np.cos(angles) * radius, np.sin(angles) * radius * rng.uniform(0.4, 1.0)], axis=1)


def _leaf(rng: np.random.Generator) -> Outline:
    along = np.linspace(0, 1, 14)
    half = np.sin(np.pi * along ** rng.uniform(0.5, 1.2)) * rng.uniform(0.15, 0.5)
    bend = rng.uniform(-0.3, 0.3) * np.square(2 * along - 1)
    upper = np.stack([2 * along - 1, bend + half], axis=1)
    lower = np.stack([2 * along - 1, bend - half], axis=1)[::-1]
    return np.concatenate([upper, lower])


def _star(rng: np.random.Generator) -> Outline:
    count = 2 * int(rng.integers(3, 12))
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    radius = np.where(np.arange(count) % 2, rng.uniform(0.3, 0.8), 1.0)
    return np.stack([np.cos(angles) * radius, np.sin(angles) * radius], axis=1)


OUTLINES: dict[str, Callable[[np.random.Generator], Outline]] = {
    "ellipse": _ellipse,
    "box": _box,
    "polygon": _polygon,
    "blob": _blob,
    "leaf": _leaf,
    "star": _star,
}


def make_outline(rng: np.random.Generator, kind: str, *, upright: bool = False) -> Outline:
    """Make the points (n, 2) of an outline within about 1 of the origin, rotated at random unless ``upright``."""
    points = OUTLINES[kind](rng)
    return points if upright else turned(points, rng.uniform(0, 2 * np.pi))
