"""Draw buildings: houses, and façades with rows of windows, seen from the front or at an angle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from visop.synthetic.cutouts import cut_out
from visop.synthetic.materials import make_material
from visop.synthetic.palettes import Colours, make_palette, pixel


def draw_house(
    canvas: Image.Image,
    foot: tuple[float, float],
    scale: float,
    palette: Colours,
    wall: Image.Image,
    rng: np.random.Generator,
) -> None:
    """Draw a wall with a few windows and, in 70 % of the cases, a roof; the middle of its base is at ``foot``."""
    width, height = scale * rng.uniform(0.5, 1.3), scale * rng.uniform(0.4, 1.2)
    x, y = foot[0] - width / 2, foot[1] - height
    corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
    cut_out(canvas, wall, corners, rng)
    draw = ImageDraw.Draw(canvas)
    if rng.random() < 0.7:
        top = (x + width * rng.uniform(0.2, 0.8), y - height * rng.uniform(0.2, 0.7))
        roof = [(x - width * 0.08, y), top, (x + width * 1.08, y)]
        draw.polygon(roof, fill=pixel(palette[rng.integers(len(palette))], 0.6))
    columns, rows = int(rng.integers(1, 6)), int(rng.integers(1, 5))
    glass = [pixel(colour, 0.5) for colour in palette[:3]]
    for row in range(rows):
        for column in range(columns):
            left, top_ = x + width * (column + 0.25) / columns, y + height * (row + 0.25) / rows
            box = (left, top_, left + width * 0.5 / columns, top_ + height * 0.5 / rows)
            draw.rectangle(box, fill=glass[int(rng.integers(3))])


def facade(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw similar but different windows (or shelves, boxes, tiles) in a grid, with posters and doors over them."""
    size = max(width, height)
    walls = make_palette(style, 8, "stone", "brick", "sand", "wood")
    glass = make_palette(style, 10, "night", "sky", "water", "dusk")
    canvas = make_material(style, content, walls, size, ("grid", "smooth", "grains", "cracks", "streaks"))
    panes = make_material(style, content, glass, size)
    across, down = np.exp(style.uniform(0.7, 2.9, 2)).astype(int) + 1
    inset = style.uniform(0.05, 0.35, 2)
    frame = pixel(walls[0], 1.2)
    gaps = style.random() < 0.3
    draw = ImageDraw.Draw(canvas)
    for row in range(int(down)):
        for column in range(int(across)):
            if gaps and content.random() < 0.2:
                continue
            cell = np.array([column / across, row / down, (column + 1) / across, (row + 1) / down]) * size
            margin = inset * (size / across, size / down)
            _window(canvas, draw, cell + np.concatenate([margin, -margin]), panes, glass, frame, content)
    for _ in range(int(content.integers(0, 4))):
        half = size * np.exp(content.uniform(np.log(0.03), np.log(0.2), 2))
        sheet = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half + content.uniform(0, size, 2)
        cut_out(canvas, panes, sheet, content)
    return _aslant(style.choice([0.08, 0.15, 0.35]), canvas, (width, height), content)


def _window(
    canvas: Image.Image,
    draw: ImageDraw.ImageDraw,
    box: npt.NDArray[np.float64],
    panes: Image.Image,
    palette: Colours,
    frame: tuple[int, int, int],
    rng: np.random.Generator,
) -> None:
    """Draw a pane with a reflection, sometimes a curtain or an object behind it, and a frame."""
    left, top, right, bottom = box.tolist()
    cut_out(canvas, panes, np.array([[left, top], [right, top], [right, bottom], [left, bottom]]), rng)
    chance = rng.random()
    if chance < 0.3:
        draw.rectangle(
            (left, top, right, top + (bottom - top) * rng.uniform(0.1, 1)), fill=pixel(palette[rng.integers(10)])
        )
    elif chance < 0.5:
        x, y = left + (right - left) * rng.uniform(0.2, 0.8), top + (bottom - top) * rng.uniform(0.3, 0.9)
        draw.ellipse((x - (x - left) / 2, y - (y - top) / 2, x, y), fill=pixel(palette[rng.integers(10)]))
    if rng.random() < 0.6:
        middle = left + (right - left) * 0.5
        draw.line((middle, top, middle, bottom), fill=frame)
    draw.rectangle((left, top, right, bottom), outline=frame)


def _aslant(tilt: float, image: Image.Image, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Stretch a quadrilateral to the whole picture; its corners move inwards by up to ``tilt`` of the sides."""
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    quad = corners + (0.5 - corners) * 2 * rng.uniform(0, tilt, (4, 2))
    data = (quad * image.size).ravel().tolist()
    return image.transform(size, Image.Transform.QUAD, data, Image.Resampling.BILINEAR)
