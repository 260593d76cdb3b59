"""Draw one or a few subjects in front of a blurred background: people, animals, fruit, goods on a table."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from visop.synthetic.cutouts import Light, cut_out, make_light
from visop.synthetic.materials import make_material
from visop.synthetic.outlines import OUTLINES, Outline, Point, make_outline
from visop.synthetic.palettes import Colours, make_palette, pixel
from visop.synthetic.strokes import Brush, draw_strokes, make_brush


def _backdrop(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw a background far out of focus: a blurred material, sometimes with discs of blurred lights."""
    size = max(width, height)
    palette = make_palette(style, 10)
    backdrop = make_material(style, content, palette, size // 4).resize((size, size), Image.Resampling.BICUBIC)
    backdrop = backdrop.crop((0, 0, width, height))
    if style.random() < 0.5:
        draw = ImageDraw.Draw(backdrop, "RGBA")
        radius = size * style.uniform(0.01, 0.07)
        for x, y in (content.uniform(0, 1, (int(style.integers(5, 60)), 2)) * (width, height)).tolist():
            colour = pixel(palette[content.integers(10)], 1.4)
            reach = radius * content.uniform(0.6, 1.1)
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=(*colour, int(content.integers(60, 200))))
    return backdrop.filter(ImageFilter.BoxBlur(size * style.uniform(0.002, 0.03)))


def still_life(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw shaded objects on a table or in the air; nearer ones cover farther ones."""
    size = max(width, height)
    canvas = _backdrop(style, content, width, height)
    tiles = [make_material(style, content, make_palette(style, 8), size) for _ in range(3)]
    table = int(height * style.uniform(0.4, 1.2))
    if table < height:
        canvas.paste(tiles[0].crop((0, 0, width, height - table)), (0, table))
    light, gloss = make_light(style), style.random() < 0.4
    kinds = style.choice(list(OUTLINES), size=3)
    count, scale = int(style.integers(1, 12)), style.uniform(0.06, 0.3)
    feet = np.sort(content.uniform(min(table, height * 0.6), height * 1.05, count))
    for foot in feet.tolist():
        radius = size * scale * content.uniform(0.5, 1.5)
        points = make_outline(content, str(content.choice(kinds))) * radius
        place = (content.uniform(0, width), foot - radius * 0.7)
        cut_out(canvas, tiles[content.integers(1, 3)], points + place, content, light, gloss=gloss)
        _mark(canvas, points * content.uniform(0.2, 0.6) + place, tiles[content.integers(3)], content)
    return canvas


def _mark(canvas: Image.Image, points: Outline, tile: Image.Image, rng: np.random.Generator) -> None:
    """Draw a label, a stain or a button on an object, in half of the cases."""
    if rng.random() < 0.5:
        cut_out(canvas, tile, points + rng.normal(0, 0.1 * np.ptp(points), 2), rng)


def creature(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw bodies of a few round parts with eyes and usually hair, because many photos show people or animals."""
    size = max(width, height)
    canvas = _backdrop(style, content, width, height)
    palette = make_palette(style, 10, "skin", "earth", "wood", "stone", "sand")
    cloth = make_palette(style, 8)
    tiles = [make_material(style, content, colours, size) for colours in (palette, palette, cloth)]
    light = make_light(style)
    brush = make_brush(style, palette, size // 2)
    hairy = style.random() < 0.7
    for _ in range(int(style.choice([1, 1, 1, 2, 3]))):
        head = content.uniform(0.25, 0.75, 2) * (width, height * 0.8)
        radius = size * style.uniform(0.08, 0.25) * content.uniform(0.8, 1.2)
        body = make_outline(content, "blob") * radius * content.uniform(1.2, 2.2) + head + (0, radius * 2)
        cut_out(canvas, tiles[2] if style.random() < 0.5 else tiles[1], body, content, light)
        _limbs(canvas, tiles[0], head, radius, content, light)
        cut_out(canvas, tiles[0], make_outline(content, "blob") * radius + head, content, light)
        if hairy:
            _hair(canvas, head, radius, brush, content)
        _face(canvas, head, radius, palette, content)
    return canvas


def _limbs(
    canvas: Image.Image, tile: Image.Image, head: Point, radius: float, rng: np.random.Generator, light: Light
) -> None:
    """Draw ears, arms, horns or wings."""
    for _ in range(int(rng.integers(0, 5))):
        angle = rng.uniform(0, 2 * np.pi)
        place = head + radius * np.array([np.cos(angle), np.sin(angle)])
        cut_out(canvas, tile, make_outline(rng, "leaf") * radius * rng.uniform(0.4, 1.2) + place, rng, light)


def _hair(canvas: Image.Image, head: Point, radius: float, brush: Brush, rng: np.random.Generator) -> None:
    count = 150
    angles = rng.uniform(0, 2 * np.pi, count)
    reach = radius * np.sqrt(rng.uniform(0.2, 1.1, count))
    starts = head + np.stack([np.cos(angles) * reach, np.sin(angles) * reach], axis=1)
    draw_strokes(canvas, brush, starts, angles, rng)


def _face(canvas: Image.Image, head: Point, radius: float, palette: Colours, rng: np.random.Generator) -> None:
    """Draw two eyes, on a tilted line, and a mouth."""
    draw = ImageDraw.Draw(canvas)
    turn, gap, size = rng.normal(0, 0.3), radius * rng.uniform(0.3, 0.5), radius * rng.uniform(0.06, 0.16)
    side = np.array([np.cos(turn), np.sin(turn)])
    for sign in (-1, 1):
        x, y = (head + sign * gap * side + (0, -radius * 0.15)).tolist()
        draw.ellipse((x - size, y - size, x + size, y + size), fill=pixel(palette[int(rng.integers(10))], 1.5))
        draw.ellipse((x - size / 2, y - size / 2, x + size / 2, y + size / 2), fill=(10, 8, 8))
    x, y = float(head[0]), float(head[1]) + radius * 0.4
    box = (x - gap * 0.7, y - size, x + gap * 0.7, y + size * 1.5)
    draw.arc(box, rng.uniform(0, 60), rng.uniform(120, 180), fill=(90, 30, 30), width=max(1, int(size / 2)))
