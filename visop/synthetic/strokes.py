"""Draw hundreds of bent lines, as in grass, hair, straw, twigs and rain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from visop.synthetic.materials import make_material
from visop.synthetic.outlines import Outline
from visop.synthetic.palettes import Colours, make_palette, pixel


@dataclass(frozen=True, slots=True)
class Brush:
    """The look of strokes; lengths in pixels, angles in radians.

    Attributes:
        palette: their colours.
        length: typical length of a stroke.
        thickness: typical thickness of a stroke.
        spread: standard deviation of their directions.
        bend: standard deviation of the turn from start to end.
    """

    palette: Colours
    length: float
    thickness: float
    spread: float
    bend: float


def make_brush(style: np.random.Generator, palette: Colours, size: int) -> Brush:
    """Choose a brush for a canvas of about ``size`` pixels a side."""
    length, thickness = size * np.exp(style.uniform(-4, -1.8)), size * style.uniform(0.001, 0.008)
    return Brush(palette, float(length), float(thickness), style.uniform(0.03, 0.8), style.uniform(0, 1.2))


def draw_strokes(
    canvas: Image.Image, brush: Brush, starts: Outline, angles: npt.NDArray[np.float64], rng: np.random.Generator
) -> None:
    """Draw a stroke from each start (n, 2) in its direction (n,), in order, so that the last are on top."""
    count = len(starts)
    steps = np.linspace(0, 1, 5)
    heading = (angles + rng.normal(0, brush.spread, count))[:, None] + rng.normal(0, brush.bend, (count, 1)) * steps
    reach = brush.length * rng.uniform(0.3, 1.5, (count, 1)) * steps
    paths = starts[:, None] + np.stack([np.cos(heading) * reach, np.sin(heading) * reach], axis=-1)
    shades = (brush.palette[rng.integers(0, len(brush.palette), count)] * rng.uniform(0.5, 1.3, (count, 1))).clip(0, 1)
    colours = (shades * 255).astype(int).tolist()
    widths = np.maximum(1, brush.thickness * rng.uniform(0.5, 3, count)).astype(int).tolist()
    draw = ImageDraw.Draw(canvas)
    for path, colour, line in zip(paths.reshape(count, -1).tolist(), colours, widths, strict=True):
        draw.line(path, fill=tuple(colour), width=line)


def strokes(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Cover a picture with strokes whose direction changes slowly, as in fur, a meadow or brushwork."""
    size = max(width, height)
    palette = make_palette(style, 16)
    canvas = make_material(style, content, palette, size).crop((0, 0, width, height))
    turns, swing = style.uniform(-6, 6, (2, 2)), style.uniform(0.2, 1.5)
    count = int(style.integers(150, 700))
    phase, lean = content.uniform(0, 6.3, 2), content.uniform(0, 6.3)
    starts = content.uniform(-0.05, 1.05, (count, 2)) * (width, height)
    angles = lean + swing * np.sin(starts / size @ turns + phase).sum(axis=1)
    draw_strokes(canvas, make_brush(style, palette, size), starts, angles, content)
    return canvas


def draw_tree(
    canvas: Image.Image, foot: tuple[float, float], height: float, leaves: Colours, rng: np.random.Generator
) -> None:
    """Draw a tree: a trunk, forking branches, and a crown of dots that get lighter towards the top."""
    draw = ImageDraw.Draw(canvas)
    bark = pixel(leaves[0] * 0.3 + np.array([0.1, 0.07, 0.05]))
    tips = _fork(draw, foot, height * 0.4, -np.pi / 2 + rng.normal(0, 0.1), 4, bark, rng)
    count = min(400, int(12 * len(tips)))
    dabs = np.array(tips)[rng.integers(0, len(tips), count)] + rng.normal(0, height * 0.07, (count, 2))
    dabs = dabs[np.argsort(-dabs[:, 1] + rng.normal(0, height * 0.1, count))]
    shades = np.linspace(0.4, 1.25, count) * rng.uniform(0.7, 1.2, count)
    radius = height * rng.uniform(0.01, 0.04)
    for (x, y), shade in zip(dabs.tolist(), shades.tolist(), strict=True):
        box = (x - radius, y - radius * 0.7, x + radius, y + radius * 0.7)
        draw.ellipse(box, fill=pixel(leaves[rng.integers(len(leaves))], shade))


def _fork(
    draw: ImageDraw.ImageDraw,
    start: tuple[float, float],
    length: float,
    angle: float,
    depth: int,
    colour: tuple[int, int, int],
    rng: np.random.Generator,
) -> list[tuple[float, float]]:
    """Draw a branch and the branches that it forks into; return the points where branches end."""
    end = (start[0] + length * np.cos(angle), start[1] + length * np.sin(angle))
    draw.line((*start, *end), fill=colour, width=max(1, int(length * 0.12)))
    if depth == 0:
        return [end]
    tips = [end]
    for _ in range(int(rng.integers(2, 4))):
        tips += _fork(draw, end, length * rng.uniform(0.55, 0.8), angle + rng.normal(0, 0.6), depth - 1, colour, rng)
    return tips


def thicket(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw branches and foliage close up, against sky or darkness."""
    size = max(width, height)
    leaves = make_palette(style, 10, "foliage", "foliage", "earth", "flower", "dusk")
    behind = make_palette(style, 8, "sky", "foliage", "night")
    canvas = make_material(style, content, behind, size, ("smooth", "cloud", "spots")).crop((0, 0, width, height))
    for _ in range(int(style.integers(1, 5))):
        foot = (content.uniform(-0.1, 1.1) * width, content.uniform(0.7, 1.3) * height)
        draw_tree(canvas, foot, size * content.uniform(0.5, 1.2), leaves, content)
    if style.random() < 0.6:
        count = int(style.integers(50, 300))
        starts = np.stack([content.uniform(0, width, count), content.uniform(0.6, 1.1, count) * height], axis=1)
        starts = starts[np.argsort(starts[:, 1])]
        draw_strokes(canvas, make_brush(style, leaves, size), starts, np.full(count, -np.pi / 2), content)
    return canvas
