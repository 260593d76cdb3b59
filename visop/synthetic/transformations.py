"""Edit pictures as people edit copies, to train encoders and to measure them.

The same functions are used in two ways. ``TRANSFORMATIONS`` is the fixed list for evaluation: named edits of a given
strength. ``random_edit`` is for training: chains of one to four edits of random strength. All pictures are RGB, and
every random choice comes from the generator that is passed in.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

Rng = np.random.Generator
Edit = Callable[[Image.Image, Rng], Image.Image]
Colour = tuple[int, int, int]

_BILINEAR = Image.Resampling.BILINEAR
_BLACK: Colour = (0, 0, 0)
_WORDS = ("SALE", "draft", "Hello!", "© 2026", "COPY", "www.example.org", "No. 42", "breaking news", "lol", "A")


@dataclass(frozen=True)
class Transformation:
    """A named edit.

    Attributes:
        name: the name in reports and on the command line.
        help: what it does, with its strength.
        apply: takes an RGB picture and a random generator, and returns another RGB picture, whose size may differ.
    """

    name: str
    help: str
    apply: Edit


# --- geometry ---


def turn(image: Image.Image, quarters: int) -> Image.Image:
    """Rotate by quarter turns, counter-clockwise."""
    operations = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
    operation = operations[quarters % 4]
    return image if operation is None else image.transpose(operation)


def rotate(image: Image.Image, degrees: float, *, expand: bool, fill: Colour = _BLACK) -> Image.Image:
    """Rotate counter-clockwise. ``expand`` enlarges the result to show the whole picture; corners get ``fill``."""
    return image.rotate(degrees, Image.Resampling.BILINEAR, expand=expand, fillcolor=fill)


def crop(image: Image.Image, width: float, height: float, x: float, y: float) -> Image.Image:
    """Cut out a part; its size is a share of the sides, x and y go from 0 (left, top) to 1 (right, bottom)."""
    w, h = max(8, round(image.width * width)), max(8, round(image.height * height))
    left, top = round((image.width - w) * x), round((image.height - h) * y)
    return image.crop((left, top, left + w, top + h))


def stretch(image: Image.Image, factor: float) -> Image.Image:
    """Multiply the ratio of width to height by ``factor``, keeping about the same number of pixels."""
    root = math.sqrt(factor)
    return _resize(image, image.width * root, image.height / root)


def scale(image: Image.Image, factor: float) -> Image.Image:
    """Multiply each side by ``factor``."""
    return _resize(image, image.width * factor, image.height * factor)


def perspective(image: Image.Image, corners: np.ndarray, fill: Colour = _BLACK) -> Image.Image:
    """Show the picture in perspective, as if seen from the side.

    Args:
        image: the picture.
        corners: (4, 2) the points of the picture, as shares of its sides, that become the top left, top right, bottom
            right and bottom left corner of the result; points outside of 0..1 show ``fill``.
        fill: the colour around the picture.
    """
    size = np.array(image.size, float)
    coefficients = _homography(_CORNERS * size, corners * size)
    return image.transform(image.size, Image.Transform.PERSPECTIVE, coefficients, _BILINEAR, fillcolor=fill)


_CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)


def _homography(source: np.ndarray, target: np.ndarray) -> list[float]:
    """Solve for the eight coefficients of Pillow's PERSPECTIVE that map four source points to four target points."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    solution: list[float] = np.linalg.solve(np.array(rows), np.array(values)).tolist()
    return solution


def border(image: Image.Image, share: float, fill: Colour) -> Image.Image:
    """Put a frame around the picture, ``share`` of its longer side wide."""
    return ImageOps.expand(image, max(1, round(share * max(image.size))), fill)


def _resize(image: Image.Image, width: float, height: float) -> Image.Image:
    return image.resize((max(8, round(width)), max(8, round(height))), _BILINEAR)


# --- light and colour ---


def brighten(image: Image.Image, amount: int) -> Image.Image:
    """Add ``amount``, -255 to 255, to every channel, saturating."""
    return image.point([min(255, max(0, value + amount)) for value in range(256)] * 3)


def contrast(image: Image.Image, factor: float) -> Image.Image:
    """Multiply every value's distance from the picture's mean grey by ``factor``."""
    return ImageEnhance.Contrast(image).enhance(factor)


def gamma(image: Image.Image, exponent: float) -> Image.Image:
    """Raise every value, on a scale of 0 to 1, to a power; exponents above 1 darken."""
    return image.point([round(255 * (value / 255) ** exponent) for value in range(256)] * 3)


def grey(image: Image.Image) -> Image.Image:
    """Remove the colour."""
    return image.convert("L").convert("RGB")


def saturate(image: Image.Image, factor: float) -> Image.Image:
    """Multiply every pixel's distance from its grey value by ``factor``."""
    return ImageEnhance.Color(image).enhance(factor)


def hue(image: Image.Image, degrees: float) -> Image.Image:
    """Rotate the hue of every pixel."""
    shift = round(degrees / 360 * 256)
    channels = image.convert("HSV").split()
    turned = channels[0].point([(value + shift) % 256 for value in range(256)])
    return Image.merge("HSV", (turned, *channels[1:])).convert("RGB")


def tint(image: Image.Image, factors: Colour | tuple[float, float, float]) -> Image.Image:
    """Multiply red, green and blue by a factor each, saturating, which changes the white balance."""
    return image.point([min(255, round(value * factor)) for factor in factors for value in range(256)])


# --- quality ---


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    """Compress as JPEG of this quality and decode again."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def blur(image: Image.Image, radius: float) -> Image.Image:
    """Blur with a Gaussian whose standard deviation is ``radius`` times the longer side."""
    return image.filter(ImageFilter.GaussianBlur(radius * max(image.size)))


def noise(image: Image.Image, deviation: float, rng: Rng) -> Image.Image:
    """Add Gaussian noise to every value; ``deviation`` is its standard deviation in grey levels."""
    pixels = np.asarray(image, np.float32)
    noisy = pixels + deviation * rng.standard_normal(pixels.shape, np.float32)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


# --- overlays ---


def write_text(image: Image.Image, rng: Rng, share: float) -> Image.Image:
    """Write words over the picture in a random place and colour; ``share`` is their height by that of the picture."""
    image = image.copy()
    draw = ImageDraw.Draw(image)
    text = " ".join(rng.choice(_WORDS) for _ in range(rng.integers(1, 4)))
    font = ImageFont.load_default(max(8, round(share * image.height)))
    x, y = rng.uniform(-0.1, 0.6) * image.width, rng.uniform(0, 1 - share) * image.height
    edge = max(1, image.height // 100) if rng.random() < 0.5 else 0
    draw.text((x, y), text, fill=_colour(rng), font=font, stroke_width=edge, stroke_fill=_colour(rng))
    return image


def caption(image: Image.Image, rng: Rng, share: float) -> Image.Image:
    """Add a bar with words above or below the picture, as in memes; ``share`` is its height by that of the picture."""
    bar = max(8, round(share * image.height))
    fill: Colour = (255, 255, 255) if rng.random() < 0.7 else _colour(rng)
    above = rng.random() < 0.5
    result = Image.new("RGB", (image.width, image.height + bar), fill)
    result.paste(image, (0, bar if above else 0))
    text = " ".join(rng.choice(_WORDS) for _ in range(rng.integers(1, 5)))
    place = (round(0.05 * image.width), round(0.2 * bar) + (0 if above else image.height))
    ImageDraw.Draw(result).text(place, text, fill=_BLACK, font=ImageFont.load_default(max(8, round(0.6 * bar))))
    return result


def cover(image: Image.Image, rng: Rng, share: float) -> Image.Image:
    """Cover a part with a filled rectangle or ellipse, whose sides are ``share`` of the picture's."""
    image = image.copy()
    w, h = share * image.width, share * image.height
    x, y = rng.uniform(0, image.width - w), rng.uniform(0, image.height - h)
    draw = ImageDraw.Draw(image)
    (draw.rectangle if rng.random() < 0.5 else draw.ellipse)((x, y, x + w, y + h), fill=_colour(rng))
    return image


def _colour(rng: Rng) -> Colour:
    r, g, b = rng.integers(0, 256, 3).tolist()
    return (r, g, b)


def _frame_colour(rng: Rng) -> Colour:
    """Choose a fill colour, mostly black or white, as image programs do."""
    choice = rng.random()
    return _BLACK if choice < 0.4 else (255, 255, 255) if choice < 0.65 else _colour(rng)


# --- the transformations of an evaluation ---


def _fixed(function: Callable[..., Image.Image], *args: object, **kwargs: object) -> Edit:
    return lambda image, _rng: function(image, *args, **kwargs)


def _chain(*edits: Edit) -> Edit:
    def apply(image: Image.Image, rng: Rng) -> Image.Image:
        for edit in edits:
            image = edit(image, rng)
        return image

    return apply


_SEEN_FROM_THE_SIDE = np.array([(0.12, 0.0), (0.9, 0.08), (1.0, 0.95), (0.0, 1.0)])

TRANSFORMATIONS: dict[str, Transformation] = {
    each.name: each
    for each in (
        Transformation("rotate-90", "a quarter turn counter-clockwise", _fixed(turn, 1)),
        Transformation("rotate-180", "upside down", _fixed(turn, 2)),
        Transformation("rotate-270", "a quarter turn clockwise", _fixed(turn, 3)),
        Transformation("rotate-10", "10 degrees, corners black, same size", _fixed(rotate, 10, expand=False)),
        Transformation("rotate-45", "45 degrees, corners black, nothing cut off", _fixed(rotate, 45, expand=True)),
        Transformation("mirror", "left and right swapped", _fixed(ImageOps.mirror)),
        Transformation("flip", "top and bottom swapped", _fixed(ImageOps.flip)),
        Transformation("brighter", "+100 on every channel, saturating", _fixed(brighten, 100)),
        Transformation("darker", "-50 on every channel, saturating", _fixed(brighten, -50)),
        Transformation("contrast-x2", "twice the contrast", _fixed(contrast, 2.0)),
        Transformation("contrast-half", "half the contrast", _fixed(contrast, 0.5)),
        Transformation("crop-80", "the middle 80 % of each side", _fixed(crop, 0.8, 0.8, 0.5, 0.5)),
        Transformation("crop-50", "the middle half of each side", _fixed(crop, 0.5, 0.5, 0.5, 0.5)),
        Transformation("crop-50-corner", "a corner, half of each side", lambda image, rng: _corner(image, rng, 0.5)),
        Transformation("crop-25", "the middle quarter of each side", _fixed(crop, 0.25, 0.25, 0.5, 0.5)),
        Transformation("scale-20", "a fifth of each side", _fixed(scale, 0.2)),
        Transformation("stretch", "1.8 times as wide for its height", _fixed(stretch, 1.8)),
        Transformation("jpeg-20", "JPEG of quality 20", _fixed(jpeg, 20)),
        Transformation("jpeg-5", "JPEG of quality 5", _fixed(jpeg, 5)),
        Transformation("blur", "Gaussian blur, 1 % of the longer side", _fixed(blur, 0.01)),
        Transformation("noise", "Gaussian noise, deviation 25", lambda image, rng: noise(image, 25, rng)),
        Transformation("grey", "no colour", _fixed(grey)),
        Transformation("hue", "hue turned by 90 degrees", _fixed(hue, 90)),
        Transformation("text", "words over the picture", lambda image, rng: write_text(image, rng, 0.15)),
        Transformation("caption", "a bar with words above or below", lambda image, rng: caption(image, rng, 0.2)),
        Transformation("border", "a white frame, 15 % of the longer side", _fixed(border, 0.15, (255, 255, 255))),
        Transformation("perspective", "seen from the side", _fixed(perspective, _SEEN_FROM_THE_SIDE)),
        Transformation(
            "rotate-90+crop-50+jpeg-20",
            "three at once",
            _chain(_fixed(turn, 1), _fixed(crop, 0.5, 0.5, 0.5, 0.5), _fixed(jpeg, 20)),
        ),
        Transformation(
            "mirror+darker+text",
            "three at once",
            _chain(_fixed(ImageOps.mirror), _fixed(brighten, -50), lambda image, rng: write_text(image, rng, 0.15)),
        ),
    )
}


def _corner(image: Image.Image, rng: Rng, share: float) -> Image.Image:
    x, y = rng.integers(0, 2, 2).tolist()
    return crop(image, share, share, x, y)


# --- the random edits of training ---


def random_edit(image: Image.Image, rng: Rng) -> Image.Image:
    """Apply one to four edits of random kinds and strengths, as people might.

    The kinds are drawn without replacement, with their weights in ``_KINDS``, and applied in its order: cropping first
    and compression last, as in practice. In addition, half of the pictures are turned by a random number of quarters,
    and half are mirrored.
    """
    count = rng.choice(4, p=_COUNT_SHARES) + 1
    chosen = rng.choice(len(_KINDS), count, replace=False, p=_KIND_SHARES)
    for index in sorted(chosen):
        image = _KINDS[index][1](image, rng)
    image = turn(image, int(rng.integers(0, 4))) if rng.random() < 0.5 else image
    return ImageOps.mirror(image) if rng.random() < 0.5 else image


def _random_crop(image: Image.Image, rng: Rng) -> Image.Image:
    """Crop to 5 to 90 % of the area; crops at the edge are as likely as crops inside."""
    area, aspect = math.exp(rng.uniform(math.log(0.05), math.log(0.9))), math.exp(rng.uniform(-0.3, 0.3))
    x, y = np.clip(rng.uniform(-0.3, 1.3, 2), 0, 1).tolist()
    width, height = math.sqrt(area * aspect), math.sqrt(area / aspect)
    return crop(image, min(1.0, width), min(1.0, height), x, y)


def _random_rotation(image: Image.Image, rng: Rng) -> Image.Image:
    degrees = rng.uniform(-180, 180) if rng.random() < 0.7 else rng.normal(0, 10)
    return rotate(image, degrees, expand=bool(rng.random() < 0.6), fill=_frame_colour(rng))


def _random_perspective(image: Image.Image, rng: Rng) -> Image.Image:
    corners = _CORNERS + rng.uniform(-0.2, 0.2, (4, 2))
    return perspective(image, corners, _frame_colour(rng))


def _random_scale(image: Image.Image, rng: Rng) -> Image.Image:
    return scale(image, math.exp(rng.uniform(math.log(0.1), math.log(0.7))))


def _random_brightness(image: Image.Image, rng: Rng) -> Image.Image:
    if rng.random() < 0.75:
        return brighten(image, int(rng.integers(-110, 141)))
    return gamma(image, math.exp(rng.uniform(-1, 1)))


def _random_contrast(image: Image.Image, rng: Rng) -> Image.Image:
    return contrast(image, math.exp(rng.uniform(-1.1, 1.1)))


def _random_colour(image: Image.Image, rng: Rng) -> Image.Image:
    choice = rng.random()
    if choice < 0.4:
        return hue(image, rng.uniform(0, 360))
    if choice < 0.7:
        return saturate(image, rng.uniform(0, 2.5))
    r, g, b = np.exp(rng.uniform(-0.4, 0.4, 3)).tolist()
    return tint(image, (r, g, b))


def _random_jpeg(image: Image.Image, rng: Rng) -> Image.Image:
    """Compress as JPEG of quality 3 to 60, half of them below 13: low qualities are harder and teach more."""
    return jpeg(image, round(math.exp(rng.uniform(math.log(3), math.log(60)))))


# In the order in which they are applied: kind, edit, weight.
_KINDS: tuple[tuple[str, Edit, float], ...] = (
    ("crop", _random_crop, 8.0),
    ("rotation", _random_rotation, 5.0),
    ("perspective", _random_perspective, 0.7),
    ("stretch", lambda image, rng: stretch(image, math.exp(rng.uniform(-0.7, 0.7))), 0.7),
    ("scale", _random_scale, 0.8),
    ("blur", lambda image, rng: blur(image, rng.uniform(0.003, 0.025)), 0.6),
    ("brightness", _random_brightness, 4.5),
    ("contrast", _random_contrast, 1.0),
    ("grey", lambda image, _rng: grey(image), 2.0),
    ("colour", _random_colour, 1.0),
    ("text", lambda image, rng: write_text(image, rng, rng.uniform(0.05, 0.3)), 1.0),
    ("cover", lambda image, rng: cover(image, rng, rng.uniform(0.1, 0.4)), 0.3),
    ("caption", lambda image, rng: caption(image, rng, rng.uniform(0.1, 0.3)), 0.4),
    ("border", lambda image, rng: border(image, rng.uniform(0.03, 0.4), _frame_colour(rng)), 1.0),
    ("noise", lambda image, rng: noise(image, rng.uniform(3, 40), rng), 0.8),
    ("jpeg", _random_jpeg, 1.5),
)
_KIND_SHARES = np.array([weight for _, _, weight in _KINDS]) / sum(weight for _, _, weight in _KINDS)
_COUNT_SHARES = (0.35, 0.3, 0.2, 0.15)
