"""Lay out scenes of a few objects whose boxes are known: what there is to learn a detector on, and to measure it with.

The layout is made before anything is painted, and costs little, so that the boxes of a scene can be had without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from visop.annotations.truth import Truth
from visop.detection import Box
from visop.synthetic.outlines import Outline, turned

Ids = npt.NDArray[np.uint8]

# Scenes are painted at this many times their size, and scaled down, so that edges are smooth.
OVERSAMPLING = 1.5

_RATIOS = (4 / 3, 3 / 2, 1.0, 3 / 4)
_MOST_OBJECTS = 6
# Radii, as shares of the longer side: from a fourteenth of it across to nearly a half.
_RADII = (0.05, 0.22)
# What of an object must lie inside the picture, and what of it must not be hidden by others.
_INSIDE, _SEEN = 0.75, 0.6


def _round(points: int) -> Outline:
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _ball(rng: np.random.Generator) -> Outline:
    return _round(40) * (1, rng.uniform(0.8, 1.0))


def _ring(rng: np.random.Generator) -> Outline:
    """One curve with a seam: out, round, in, and round the other way, which leaves a hole."""
    outer = np.concatenate([_round(40), [[1.0, 0.0]]])
    return np.concatenate([outer, outer[::-1] * rng.uniform(0.45, 0.65)])


def _triangle(rng: np.random.Generator) -> Outline:
    return _round(3) * (1, rng.uniform(0.8, 1.0))


def _star(rng: np.random.Generator) -> Outline:
    inner = np.where(np.arange(10) % 2, rng.uniform(0.35, 0.5), 1.0)
    return _round(10) * inner[:, None]


def _cross(rng: np.random.Generator) -> Outline:
    half = rng.uniform(0.2, 0.35)
    corner = np.array([[1, -half], [1, half], [half, half]])
    return np.concatenate([_quarter_turned(corner, turns) for turns in range(4)])


def _quarter_turned(points: Outline, turns: int) -> Outline:
    x, y = points.T
    return np.stack([(x, y), (-y, x), (-x, -y), (y, -x)][turns], axis=1)


_KINDS: dict[str, Callable[[np.random.Generator], Outline]] = {
    "ball": _ball,
    "cross": _cross,
    "ring": _ring,
    "star": _star,
    "triangle": _triangle,
}

#: What there is in scenes.
LABELS = tuple(_KINDS)


@dataclass(frozen=True)
class Layout:
    """A scene before it is painted.

    Attributes:
        size: (width, height) of the picture, in pixels.
        outlines: of the objects, the farthest first, in pixels of a canvas ``OVERSAMPLING`` times as large.
        truths: what can be seen of each: its box in pixels of the picture, and its label.
    """

    size: tuple[int, int]
    outlines: tuple[Outline, ...]
    truths: tuple[Truth, ...]

    @property
    def canvas_size(self) -> tuple[int, int]:
        """(width, height) of the canvas, in pixels."""
        return _enlarged(self.size)


def _enlarged(size: tuple[int, int]) -> tuple[int, int]:
    return round(size[0] * OVERSAMPLING), round(size[1] * OVERSAMPLING)


def lay_out(rng: np.random.Generator, size: int) -> Layout:
    """Lay out a scene of one to six objects, of each of which more than half can be seen.

    Args:
        rng: the random generator.
        size: the longer side, in pixels.
    """
    ratio = rng.choice(_RATIOS)
    picture = (size, round(size / ratio)) if ratio >= 1 else (round(size * ratio), size)
    width, height = _enlarged(picture)
    ids: Ids = np.zeros((height, width), np.uint8)
    outlines: list[Outline] = []
    labels: list[str] = []
    areas: list[int] = []
    for _ in range(int(rng.integers(1, _MOST_OBJECTS + 1))):
        label = str(rng.choice(LABELS))
        outline = _placed(rng, _KINDS[label](rng), width, height)
        drawn = _drawn(ids, outline, len(outlines) + 1)
        seen = np.bincount(drawn.ravel(), minlength=len(outlines) + 2)[1:]
        if seen[-1] < _INSIDE * _area(outline) or np.any(seen[:-1] < _SEEN * np.array(areas)):
            continue
        ids = drawn
        outlines.append(outline)
        labels.append(label)
        areas.append(int(seen[-1]))
    truths = tuple(Truth(_box(ids == number), label) for number, label in enumerate(labels, 1))
    return Layout(picture, tuple(outlines), truths)


def _placed(rng: np.random.Generator, points: Outline, width: int, height: int) -> Outline:
    radius = max(width, height) * np.exp(rng.uniform(*np.log(_RADII)))
    centred: Outline = turned(points, rng.uniform(0, 2 * np.pi)) * radius
    return centred + rng.uniform(0, 1, 2) * (width, height)


def _drawn(ids: Ids, outline: Outline, number: int) -> Ids:
    """Which object each pixel shows, (H, W), with one more in front; 0 is none."""
    image = Image.fromarray(ids)
    ImageDraw.Draw(image).polygon(outline.ravel().tolist(), fill=number)
    return np.asarray(image)


def _area(outline: Outline) -> float:
    """By the shoelace formula."""
    x, y = outline.T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


def _box(mask: npt.NDArray[np.bool_]) -> Box:
    """The box of what is true, (x, y, w, h) in pixels of the picture."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    x, y = columns[0] / OVERSAMPLING, rows[0] / OVERSAMPLING
    return float(x), float(y), float((columns[-1] + 1) / OVERSAMPLING - x), float((rows[-1] + 1) / OVERSAMPLING - y)
