"""Draw many similar objects that differ in detail, such as fruit in a crate, beads, people, cars, birds or books."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from visop.synthetic.cutouts import Light, cut_out, make_light
from visop.synthetic.materials import make_material
from visop.synthetic.outlines import OUTLINES, Outline, Point, make_outline
from visop.synthetic.palettes import make_palette


def crowd(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw similar objects in rows, in a heap, or on a receding plane."""
    size = max(width, height)
    parts = _parts(style)
    tiles = [make_material(style, content, make_palette(style, 8), size) for _ in range(3)]
    canvas = tiles[0].crop((0, 0, width, height))
    light, wobble = make_light(style), style.choice([0.0, 0.2, 3.0])
    scale = size * np.exp(style.uniform(np.log(0.03), np.log(0.14)))
    places, growth = _places(style, content, width, height, scale)
    for place, grown in zip(places, growth.tolist(), strict=True):
        _draw_thing(canvas, parts, tiles[1:], place, (scale * grown, content.normal(0, wobble)), content, light)
    return canvas


def _parts(style: np.random.Generator) -> list[Outline]:
    """Make the outlines that every object is composed of, the largest first."""
    whole = make_outline(style, str(style.choice(list(OUTLINES))), upright=True)
    parts = [whole]
    for _ in range(int(style.integers(0, 4))):
        part = make_outline(style, str(style.choice(list(OUTLINES))), upright=True) * style.uniform(0.15, 0.6)
        parts.append(part + style.uniform(-0.7, 0.7, 2))
    return parts


def _places(
    style: np.random.Generator, content: np.random.Generator, width: int, height: int, scale: float
) -> tuple[Outline, npt.NDArray[np.float64]]:
    """Choose the position (n, 2) and relative size (n,) of each object, from back to front."""
    order = style.integers(3)
    if order == 0:
        step = scale * style.uniform(1.3, 2.6)
        grid = np.stack(np.meshgrid(np.arange(0, width + step, step), np.arange(0, height + step, step)), axis=-1)
        places = grid.reshape(-1, 2)[:150] + content.normal(0, step * 0.08, (min(150, grid.size // 2), 2))
        return places, content.uniform(0.85, 1.15, len(places))
    count = int(min(150, style.uniform(0.3, 2) * width * height / (3 * scale**2)))
    places = content.uniform(-0.05, 1.05, (count, 2)) * (width, height)
    if order == 1:
        return places, content.uniform(0.7, 1.3, count)
    places = places[np.argsort(places[:, 1])]
    return places, content.uniform(0.9, 1.1, count) * (0.4 + 1.4 * np.clip(places[:, 1] / height, 0, 1))


def _draw_thing(
    canvas: Image.Image,
    parts: list[Outline],
    tiles: list[Image.Image],
    place: Point,
    pose: tuple[float, float],
    rng: np.random.Generator,
    light: Light,
) -> None:
    """Draw one object with random proportions; ``pose`` is its scale in pixels and its angle in radians."""
    scale, angle = pose
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * rng.uniform(0.8, 1.2, (2, 1))
    for number, part in enumerate(parts):
        shifted = part + rng.normal(0, 0.06, 2) if number else part
        points = np.einsum("ni,ij->nj", shifted, turn) * scale + place
        cut_out(canvas, tiles[number % 2], points, rng, None if number else light)
