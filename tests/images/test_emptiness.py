from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from visop.images.emptiness import is_nearly_empty, marked_share
from visop.synthetic.generate import generate_picture

SHEET = (620, 877)


def plain(*colour: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    return np.asarray(Image.new("RGB", size, colour))


def sheet(*lines: str, dust: int = 0, noise: float = 2.0) -> np.ndarray:
    """A scan of a page with these lines of text, and with dust."""
    random = np.random.default_rng(dust)
    page = Image.new("RGB", SHEET, (248, 247, 243))
    draw = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        draw.text((60, 90 + 18 * number), line, fill=20, font=ImageFont.load_default(12))
    for x, y in random.uniform(0, 1, (dust, 2)) * SHEET:
        draw.line((x, y, x + 12, y + 5), fill=90)
    return (np.asarray(page) + random.normal(0, noise, (*page.size[::-1], 3))).clip(0, 255).astype(np.uint8)


def sky(stars: int) -> np.ndarray:
    random = np.random.default_rng(stars)
    image = random.normal(9, 3, (600, 800, 3)).clip(0, 255).astype(np.uint8)
    for x, y in (random.uniform(0, 0.99, (stars, 2)) * (800, 600)).astype(int):
        image[y : y + 2, x : x + 2] = 220
    return image


def gradient(darkest: int, brightest: int) -> np.ndarray:
    return np.tile(np.linspace(darkest, brightest, 300, dtype=np.uint8)[None, :, None], (200, 1, 3))


def drawing(size: int = 800) -> np.ndarray:
    image = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((0.2 * size, 0.3 * size, 0.7 * size, 0.6 * size), outline=0, width=2)
    draw.polygon([(0.1 * size, 0.9 * size), (0.5 * size, 0.1 * size), (0.9 * size, 0.8 * size)], outline=0, width=2)
    return np.asarray(image)


def icon() -> np.ndarray:
    image = Image.new("RGB", (16, 16), "white")
    ImageDraw.Draw(image).ellipse((4, 4, 11, 11), outline=0)
    return np.asarray(image)


WORDS = "It was the best of times, it was the worst of times, it was the age of wisdom"


@pytest.mark.parametrize(
    "image",
    [
        plain(0, 0, 0),
        plain(255, 255, 255, size=(2000, 3)),
        plain(255, 0, 0, size=(1, 1)),
        sheet(noise=12),
        sheet("17", dust=6),
        sheet("The end"),
        sheet(dust=10),
        sky(30),
        gradient(250, 255),
    ],
    ids=["black", "a white line", "a pixel", "noise", "a page number", "a title", "dust", "few stars", "no gradient"],
)
def test_there_is_nearly_nothing_on_it(image: np.ndarray) -> None:
    assert is_nearly_empty(marked_share(image))


@pytest.mark.parametrize(
    "image",
    [
        sheet(WORDS, WORDS, WORDS[:40]),
        drawing(),
        drawing(1600),
        gradient(100, 150),
        gradient(230, 255),
        255 - drawing(),
        icon(),
    ],
    ids=["text", "a drawing", "a large one", "a gradient", "a pale one", "white on black", "an icon"],
)
def test_there_is_something_on_it(image: np.ndarray) -> None:
    assert not is_nearly_empty(marked_share(image))


@pytest.mark.parametrize("contrast", [1.0, 0.25, 0.15])
def test_a_photograph_in_fog_is_not_empty(contrast: float) -> None:
    image = generate_picture(3, 256)
    assert not is_nearly_empty(marked_share((contrast * image + (1 - contrast) * 220).astype(np.uint8)))


def test_a_large_picture_is_judged_as_the_same_one_reduced() -> None:
    image = Image.fromarray(sheet(WORDS, WORDS))
    large = np.asarray(image.resize((image.width * 4, image.height * 4)))
    assert marked_share(large) == pytest.approx(marked_share(np.asarray(image)), abs=0.003)
