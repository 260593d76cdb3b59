"""Draw text: pages, posters, screens and signs. The words are made up, and the font is Pillow's built-in one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from visop.synthetic.materials import make_material
from visop.synthetic.palettes import Colours, make_palette, pixel

_ONSETS = ["b", "br", "d", "f", "g", "h", "k", "l", "m", "n", "p", "pl", "r", "s", "st", "t", "tr", "v", "w", "z"]
_VOWELS = ["a", "e", "i", "o", "u", "ai", "ea", "ou"]


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _words(rng: np.random.Generator, count: int) -> str:
    syllables = [str(rng.choice(_ONSETS)) + str(rng.choice(_VOWELS)) for _ in range(2 * count)]
    words = ["".join(syllables[2 * i : 2 * i + int(rng.integers(1, 3))]) for i in range(count)]
    text = " ".join(words)
    return (text, text.title(), text.upper(), f"{text} {rng.integers(1, 9999)}")[rng.integers(4)]


def page(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw headings, lines of text and a few pictures in columns, on paper or another surface."""
    size = max(width, height)
    palette = make_palette(style, 8)
    paper = make_material(style, content, palette, size, ("smooth", "grains", "cloud", "streaks"))
    plain = Image.new("RGB", (width, height), ((250, 250, 248), (20, 20, 24), pixel(palette[1]))[style.integers(3)])
    canvas = Image.blend(plain, paper.crop((0, 0, width, height)), style.uniform(0, 0.6))
    ink = ((15, 15, 20), (245, 245, 240))[int(np.asarray(canvas.resize((1, 1)).convert("L"))[0, 0] < 128)]
    picture = make_material(style, content, make_palette(style, 8), size)
    columns, text_size = int(style.integers(1, 4)), int(size * np.exp(style.uniform(-4.2, -2.2)))
    for column in range(columns):
        left, right = width * (column + 0.06) / columns, width * (column + 0.94) / columns
        _fill_column(canvas, (left, right), text_size, ink, picture, palette, content)
    return canvas


def _fill_column(
    canvas: Image.Image,
    span: tuple[float, float],
    text_size: int,
    ink: tuple[int, int, int],
    picture: Image.Image,
    palette: Colours,
    rng: np.random.Generator,
) -> None:
    draw = ImageDraw.Draw(canvas)
    y = canvas.height * rng.uniform(0, 0.15)
    while y < canvas.height:
        chance = rng.random()
        if chance < 0.12:
            depth = int(canvas.height * rng.uniform(0.1, 0.3))
            x = int(rng.integers(0, picture.width // 2))
            canvas.paste(picture.crop((x, x, x + int(span[1] - span[0]), x + depth)), (int(span[0]), int(y)))
        elif chance < 0.3:
            depth = int(text_size * rng.uniform(1.5, 3))
            draw.text((span[0], y), _words(rng, 2), font=_font(depth), fill=pixel(palette[rng.integers(8)]))
        else:
            depth = text_size
            indent = rng.choice([0, 0, 0, 0.1]) * (span[1] - span[0])
            letters = max(3, int((span[1] - span[0] - indent) / text_size * 1.7 * rng.choice([1, 1, 1, 0.5])))
            draw.text((span[0] + indent, y), _words(rng, letters // 4 + 1)[:letters], font=_font(depth), fill=ink)
        y += depth * 1.35


def sign(style: np.random.Generator, content: np.random.Generator, canvas: Image.Image) -> None:
    """Draw a few words over a picture, as in a caption, a plate or graffiti."""
    size = int(max(canvas.size) * np.exp(style.uniform(-3.3, -1.5)))
    words = _words(content, int(style.integers(1, 4)))
    x, y = content.uniform(0, 0.6) * canvas.width, content.uniform(0, 0.9) * canvas.height
    draw = ImageDraw.Draw(canvas)
    palette = make_palette(style, 2)
    if style.random() < 0.5:
        left, top, right, bottom = draw.textbbox((x, y), words, font=_font(size))
        draw.rectangle((left - size / 4, top - size / 4, right + size / 4, bottom + size / 4), fill=pixel(palette[0]))
    draw.text((x, y), words, font=_font(size), fill=pixel(palette[1], 1.5))
