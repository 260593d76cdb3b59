"""Which pictures are taken for nearly empty: photographs, generated pictures, pages of text, blank scans and others.

python -m benchmarks.emptiness
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.photos import natural_photos
from benchmarks.report import markdown_table
from visop.images.emptiness import is_nearly_empty, marked_share
from visop.synthetic.generate import generate_picture

_GENERATED, _EACH = 300, 20
_SHEET = (1240, 1754)
_WORDS = ("house", "by", "the", "sea", "and", "people", "who", "walk", "with", "an", "old", "dog")

Draw = Callable[[np.random.Generator], np.ndarray]


def sheet(random: np.random.Generator, lines: int = 0, *, dust: int = 0, large: bool = False) -> np.ndarray:
    """A scan of A4 at 150 dpi with noise, this many lines of text and specks of dust."""
    page = Image.new("RGB", _SHEET, (250, 249, 245))
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(40 if large else 22)
    for number in range(lines):
        text = " ".join(random.choice(_WORDS, 4 if large else 16))
        draw.text((124, 180 + 34 * number), text, fill=20, font=font)
    for x, y in random.uniform(0, 1, (dust, 2)) * _SHEET:
        draw.line((x, y, x + random.uniform(3, 40), y + random.uniform(0, 20)), fill=90, width=2)
    noise = random.normal(0, random.uniform(1, 10), (*_SHEET[::-1], 3))
    return (np.asarray(page) + noise).clip(0, 255).astype(np.uint8)


def drawing(random: np.random.Generator) -> np.ndarray:
    """Four outlines, two pixels wide."""
    image = Image.new("RGB", (1000, 800), "white")
    draw = ImageDraw.Draw(image)
    for x, y, w, h in random.uniform((0, 0, 150, 150), (600, 400, 400, 400), (4, 4)):
        draw.ellipse((x, y, x + w, y + h), outline=0, width=2)
    return np.asarray(image)


def gradient(random: np.random.Generator) -> np.ndarray:
    """From one grey to another, at least 25 levels apart."""
    start, levels = random.integers(0, 200), random.integers(25, 56)
    return np.tile(np.linspace(start, start + levels, 640).astype(np.uint8)[None, :, None], (480, 1, 3))


def sky(random: np.random.Generator, stars: int) -> np.ndarray:
    """Stars of 3 x 3 pixels on a dark sky with noise."""
    image = random.normal(8, 3, (1200, 1600, 3))
    for x, y in (random.uniform(0, 0.99, (stars, 2)) * (1600, 1200)).astype(int):
        image[y : y + 3, x : x + 3] = random.uniform(60, 250)
    return image.clip(0, 255).astype(np.uint8)


def in_fog(image: np.ndarray, contrast: float) -> np.ndarray:
    """What is left of a picture in fog."""
    return (contrast * image + (1 - contrast) * 220).astype(np.uint8)


def kinds() -> Iterator[tuple[str, Iterator[np.ndarray]]]:
    """The names of the kinds, and pictures of each."""
    photographs = [np.asarray(photo.convert("RGB")) for _, photo in natural_photos()]
    pictures = [*photographs, *(generate_picture(number, 192) for number in range(_GENERATED))]
    for contrast in (1, 0.25, 0.15, 0.1):
        yield f"photographs and generated pictures, contrast {contrast}", (in_fog(each, contrast) for each in pictures)
    drawn: dict[str, Draw] = {
        "pages with 20 lines of text": lambda random: sheet(random, 20),
        "pages with 2 lines": lambda random: sheet(random, 2),
        "line drawings": drawing,
        "gradients of 25 to 55 levels": gradient,
        "skies with 2,000 stars": lambda random: sky(random, 2000),
        "pages with 1 line": lambda random: sheet(random, 1),
        "pages with a title": lambda random: sheet(random, 1, large=True),
        "pages with 1 to 12 specks": lambda random: sheet(random, dust=int(random.integers(1, 13))),
        "blank pages": sheet,
        "skies with 100 stars": lambda random: sky(random, 100),
    }
    for name, draw in drawn.items():
        yield name, (draw(np.random.default_rng(number)) for number in range(_EACH))


def main() -> None:
    """Print a table in Markdown."""
    rows = []
    for name, pictures in kinds():
        shares = [marked_share(each) for each in pictures]
        empty = sum(map(is_nearly_empty, shares))
        rows.append((name, str(len(shares)), str(empty), f"{min(shares):.1%} to {max(shares):.1%}"))
    print(markdown_table(["pictures", "number", "nearly empty", "least and most marked"], rows))


if __name__ == "__main__":
    main()
