"""The families of generated pictures, and their shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from visop.synthetic.buildings import facade
from visop.synthetic.crowds import crowd
from visop.synthetic.cutouts import cut_out, make_light
from visop.synthetic.dead_leaves import dead_leaves
from visop.synthetic.fractals import fractals
from visop.synthetic.landscapes import landscape
from visop.synthetic.noise import spectral_noise, to_grey
from visop.synthetic.outlines import Outline, make_outline
from visop.synthetic.palettes import make_palette, pixel
from visop.synthetic.rooms import room
from visop.synthetic.shapes import plain_shapes
from visop.synthetic.strokes import strokes, thicket
from visop.synthetic.subjects import creature, still_life
from visop.synthetic.text import page, sign
from visop.synthetic.textures import colour_noise, texture

# (style, content, width, height) -> an RGB picture of exactly that size. What the pictures of a series have in common
# is drawn from ``style``, and what differs between them from ``content``.
Family = Callable[[np.random.Generator, np.random.Generator, int, int], Image.Image]

_SIMPLE: dict[str, Family] = {
    "dead_leaves": dead_leaves,
    "landscape": landscape,
    "still_life": still_life,
    "creature": creature,
    "crowd": crowd,
    "facade": facade,
    "room": room,
    "thicket": thicket,
    "strokes": strokes,
    "texture": texture,
    "colour_noise": colour_noise,
    "fractals": fractals,
    "plain_shapes": plain_shapes,
    "page": page,
}

# Shares of the families, chosen by eye and not tuned. Most pictures have landmarks everywhere, by which a crop can be
# recognised (dead leaves, crowds, collages), or a foreground, a background, a subject and empty parts, as photos do.
# Pure textures, pages and plain shapes must be recognised too, but are rare.
WEIGHTS: dict[str, float] = {
    "dead_leaves": 0.15,
    "landscape": 0.15,
    "collage": 0.12,
    "still_life": 0.10,
    "creature": 0.07,
    "crowd": 0.07,
    "facade": 0.07,
    "room": 0.06,
    "thicket": 0.05,
    "strokes": 0.04,
    "texture": 0.03,
    "fractals": 0.03,
    "plain_shapes": 0.02,
    "page": 0.02,
    "colour_noise": 0.02,
}


def choose_family(rng: np.random.Generator, names: Sequence[str] = tuple(WEIGHTS)) -> str:
    """Draw one of the names, with the probabilities of ``WEIGHTS``."""
    weights = np.array([WEIGHTS[name] for name in names])
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def collage(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Combine two families: regions of a picture of one show a picture of the other."""
    ground, figure = (_SIMPLE[choose_family(style, tuple(_SIMPLE))] for _ in range(2))
    canvas = ground(style, content, width, height)
    size = max(width, height)
    tile = figure(style, content, size, size)
    if style.random() < 0.3:
        canvas.paste(canvas.filter(ImageFilter.BoxBlur(size * style.uniform(0.005, 0.02))))
    light = make_light(style) if style.random() < 0.5 else None
    for _ in range(int(style.integers(1, 6))):
        cut_out(canvas, tile, _region(style, content, width, height), content, light)
    return canvas


def _region(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Outline:
    """Make the outline of a region: one side of a random line, or a shape inside the picture."""
    if style.random() < 0.3:
        angle = content.uniform(0, 2 * np.pi)
        across = np.array([np.cos(angle), np.sin(angle)]) * width * 2
        edge = np.array([across, -across, -across + across[::-1] * (1, -1), across + across[::-1] * (1, -1)])
        return edge + content.uniform(0.2, 0.8, 2) * (width, height)
    kind = str(style.choice(["ellipse", "box", "polygon", "blob", "leaf"]))
    radius = max(width, height) * content.uniform(0.1, 0.35)
    return make_outline(content, kind, upright=style.random() < 0.5) * radius + content.uniform(0, 1, 2) * (
        width,
        height,
    )


FAMILIES: dict[str, Family] = _SIMPLE | {"collage": collage}


def finish(style: np.random.Generator, content: np.random.Generator, canvas: Image.Image) -> Image.Image:
    """Roughen or bend some of the pictures, add words, or put a blurred object in the foreground."""
    if style.random() < 0.3:
        canvas = _roughen(style, content, canvas)
    if style.random() < 0.1:
        _stand_before(style, content, canvas)
    if style.random() < 0.2:
        canvas = _bend(content, canvas, style.uniform(0.01, 0.05))
    if style.random() < 0.06:
        sign(style, content, canvas)
    return canvas


def _roughen(style: np.random.Generator, content: np.random.Generator, canvas: Image.Image) -> Image.Image:
    """Overlay fine detail, like dirt, foliage or foam."""
    size = max(canvas.size)
    grain = to_grey(spectral_noise(content, size * 2 // 3, style.uniform(0.4, 0.9)), style.uniform(3, 9))
    veil = Image.fromarray(grain).resize((size, size), Image.Resampling.BILINEAR).crop((0, 0, *canvas.size))
    return ImageChops.overlay(canvas, Image.merge("RGB", [veil] * 3))


def _stand_before(style: np.random.Generator, content: np.random.Generator, canvas: Image.Image) -> None:
    """Cover a corner or a side with a blurred shape of one colour."""
    mask = Image.new("L", canvas.size)
    centre = content.uniform(0, 1, 2)
    centre[content.integers(2)] = content.integers(2)
    outline = make_outline(content, str(style.choice(["leaf", "blob", "box"]))) * max(canvas.size) * 0.35
    ImageDraw.Draw(mask).polygon((outline + centre * canvas.size).ravel().tolist(), fill=255)
    blur = max(canvas.size) * style.uniform(0.005, 0.03)
    canvas.paste(pixel(make_palette(style, 1)[0]), (0, 0), mask.filter(ImageFilter.BoxBlur(blur)))


def _bend(rng: np.random.Generator, image: Image.Image, strength: float) -> Image.Image:
    """Bend a picture by moving the inner nodes of a coarse mesh."""
    count = 5
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, count + 1)] * 2), axis=-1)
    grid[1:-1, 1:-1] += rng.normal(0, strength, (count - 1, count - 1, 2))
    knots = grid * image.size
    corners = np.linspace(0, 1, count + 1)[:, None] * image.size
    columns, rows = corners.astype(int).T.tolist()
    mesh = [
        (
            (columns[i], rows[j], columns[i + 1], rows[j + 1]),
            tuple(np.concatenate([knots[j, i], knots[j + 1, i], knots[j + 1, i + 1], knots[j, i + 1]]).tolist()),
        )
        for j in range(count)
        for i in range(count)
    ]
    return image.transform(image.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
