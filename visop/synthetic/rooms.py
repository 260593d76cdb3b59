"""Draw interiors: a box seen from inside, with walls in perspective and objects on the floor and the walls."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from visop.synthetic.cutouts import cut_out
from visop.synthetic.landscapes import recede
from visop.synthetic.materials import make_material
from visop.synthetic.outlines import Outline
from visop.synthetic.palettes import make_palette, pixel


def room(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw floor, ceiling and walls, pictures and windows at the back, and furniture from far to near."""
    size = max(width, height)
    walls = make_material(style, content, make_palette(style, 6), size, ("smooth", "grains", "grid", "streaks"))
    floor = make_material(style, content, make_palette(style, 6, "wood", "stone", "brick"), size)
    stuff = [make_material(style, content, make_palette(style, 8), size) for _ in range(3)]
    left, right = style.uniform(0, 0.35, 2) * width * (1, -1) + (0, width)
    top, bottom = style.uniform((0, 0.5), (0.35, 0.85)) * height
    canvas = _shell(walls, floor, (int(left), int(top), int(right), int(bottom)), width, height)
    for _ in range(int(content.integers(1, 6))):
        x, y = content.uniform(left, right), content.uniform(top, bottom)
        half = size * content.uniform(0.02, 0.12, 2)
        hung = _rectangle(x - half[0], y - half[1], x + half[0], y + half[1])
        ImageDraw.Draw(canvas).polygon((hung + np.sign(hung - (x, y)) * 3).ravel().tolist(), fill=(60, 50, 45))
        cut_out(canvas, stuff[content.integers(3)], hung, content)
    for near in np.sort(content.uniform(0, 1, int(content.integers(1, 9)))).tolist():
        scale = size * content.uniform(0.06, 0.2) * (0.5 + near)
        foot = (content.uniform(0, width), bottom + near * (height * 1.05 - bottom))
        draw_cuboid(canvas, stuff[content.integers(3)], foot, scale * content.uniform(0.4, 1.6, 3), content)
    return canvas


def _shell(
    walls: Image.Image, floor: Image.Image, back: tuple[int, int, int, int], width: int, height: int
) -> Image.Image:
    """Draw the back wall and the four planes that lead to it."""
    left, top, right, bottom = back
    canvas = walls.crop((0, 0, width, height))
    if bottom < height:
        canvas.paste(recede(floor, width, height - bottom, 3.0), (0, bottom))
    if top > 1:
        ceiling = recede(walls, width, top, 3.0).point(lambda value: value * 1.1)
        canvas.paste(ceiling.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (0, 0))
    for x, far, turn in ((0, left, Image.Transpose.ROTATE_270), (width, right, Image.Transpose.ROTATE_90)):
        span = abs(far - x)
        if span > 1:
            side = recede(walls, height, span, 3.0).point(lambda value: value * 0.75).transpose(turn)
            mask = Image.new("L", (width, height))
            ImageDraw.Draw(mask).polygon([(x, 0), (far, top), (far, bottom), (x, height)], fill=255)
            corner = min(x, far)
            canvas.paste(side, (corner, 0), mask.crop((corner, 0, corner + span, height)))
    return canvas


def _rectangle(left: float, top: float, right: float, bottom: float) -> Outline:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def draw_cuboid(
    canvas: Image.Image,
    tile: Image.Image,
    foot: tuple[float, float],
    size: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Draw a standing box: its front, top and one side, shaded differently; ``size`` is width, height and depth."""
    width, height, depth = size.tolist()
    x, y = foot
    slant = np.array([rng.choice([-0.6, 0.6]), -0.45]) * depth
    front = _rectangle(x - width / 2, y - height, x + width / 2, y)
    lid = np.array([front[0], front[1], front[1] + slant, front[0] + slant])
    edge = front[[1, 2]] if slant[0] > 0 else front[[0, 3]]
    side = np.array([edge[0], edge[1], edge[1] + slant, edge[0] + slant])
    for face in (side, lid, front):
        cut_out(canvas, tile, face, rng)
    if rng.random() < 0.5:
        lines = _rectangle(x - width * 0.4, y - height * 0.9, x + width * 0.4, y - height * rng.uniform(0.1, 0.6))
        colour = pixel(rng.uniform(0, 0.7, 3))
        ImageDraw.Draw(canvas).polygon(lines.ravel().tolist(), outline=colour, width=2)
