"""Other pictures of the same objects (Liu et al. 2016, section 2.2, "Data augmentation").

The picture is made a small part of a grey one, a part of it is cut out, it is mirrored, and its colours are changed;
each by chance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

from visop.contract import Image as Pixels
from visop.processors.boxes import Floats
from visop.training.detection.matching import pairwise_overlaps

# How much smaller a picture is made at most, by its sides. The paper has 4, of pictures of 500 pixels.
_MOST_ZOOM = 2.0
_GREY = 124

# A part is cut out that overlaps some object by one of these shares at least; None keeps the picture.
_LEAST_OVERLAPS = (None, 0.1, 0.3, 0.5, 0.7, 0.9, 0.0)
_SIDES, _MOST_RATIO, _TRIES = (0.4, 1.0), 2.0, 30


@dataclass(frozen=True)
class Example:
    """A picture with its objects.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        edges: (T, 4) float32: left, top, right, bottom of the objects, as shares of the picture's sides.
        classes: (T,), from 1.
        asked: (T,), whether each is to be found.
    """

    image: Pixels
    edges: Floats
    classes: npt.NDArray[np.int64]
    asked: npt.NDArray[np.bool_]


def augmented(example: Example, rng: np.random.Generator) -> Example:
    """Another picture of the same objects, or of some of them; at least one is left, if there was one."""
    if rng.random() < 0.5:
        example = _zoomed_out(example, rng)
    example = _cut(example, rng)
    if rng.random() < 0.5:
        example = _mirrored(example)
    return replace(example, image=_recoloured(example.image, rng))


def _recoloured(image: Pixels, rng: np.random.Generator) -> Pixels:
    """The same picture in another light: brightness, contrast, saturation and hue, each in half of the cases."""
    picture = Image.fromarray(image)
    changes = [ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color]
    for index in rng.permutation(len(changes)):
        if rng.random() < 0.5:
            picture = changes[index](picture).enhance(float(rng.uniform(0.5, 1.5)))
    if rng.random() < 0.5:
        hue, saturation, value = picture.convert("HSV").split()
        turn = int(rng.integers(-18, 19))
        picture = Image.merge("HSV", (hue.point(lambda at: (at + turn) % 256), saturation, value)).convert("RGB")
    return np.asarray(picture)


def _zoomed_out(example: Example, rng: np.random.Generator) -> Example:
    height, width = example.image.shape[:2]
    zoom = rng.uniform(1, _MOST_ZOOM)
    canvas = np.full((round(height * zoom), round(width * zoom), 3), _GREY, np.uint8)
    y, x = (int(rng.integers(0, space + 1)) for space in np.array(canvas.shape[:2]) - (height, width))
    canvas[y : y + height, x : x + width] = example.image
    size = np.array([canvas.shape[1], canvas.shape[0]] * 2, np.float32)
    edges = example.edges * np.array([width, height] * 2, np.float32) + np.array([x, y] * 2, np.float32)
    return replace(example, image=canvas, edges=edges / size)


def _cut(example: Example, rng: np.random.Generator) -> Example:
    """A part of the picture, with the objects whose middles are in it."""
    least = _LEAST_OVERLAPS[rng.integers(len(_LEAST_OVERLAPS))]
    if least is None or not len(example.edges):
        return example
    for _ in range(_TRIES):
        part = _part(rng)
        if part is None or pairwise_overlaps(part[None], example.edges).max() < least:
            continue
        middles = (example.edges[:, :2] + example.edges[:, 2:]) / 2
        kept = np.all((middles > part[:2]) & (middles < part[2:]), axis=1)
        if (kept & example.asked).any():
            return _within(example, part, kept)
    return example


def _part(rng: np.random.Generator) -> Floats | None:
    """Left, top, right, bottom of a part as shares of the picture's sides; None if it would be too narrow."""
    width, height = rng.uniform(*_SIDES, 2)
    if not 1 / _MOST_RATIO <= width / height <= _MOST_RATIO:
        return None
    x, y = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return np.array([x, y, x + width, y + height], np.float32)


def _within(example: Example, part: Floats, kept: npt.NDArray[np.bool_]) -> Example:
    height, width = example.image.shape[:2]
    scale = np.array([width, height] * 2, np.float32)
    left, top, right, bottom = np.round(part * scale).astype(int)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    corner = np.array([left, top] * 2, np.float32)
    size = np.array([right - left, bottom - top] * 2, np.float32)
    edges = np.clip((example.edges[kept] * scale - corner) / size, 0, 1)
    seen = np.all(edges[:, 2:] > edges[:, :2], axis=1)
    image = example.image[top:bottom, left:right]
    return Example(image, edges[seen], example.classes[kept][seen], example.asked[kept][seen])


def _mirrored(example: Example) -> Example:
    left, top, right, bottom = example.edges.T
    edges = np.stack([1 - right, top, 1 - left, bottom], axis=1)
    return replace(example, image=example.image[:, ::-1], edges=edges)
