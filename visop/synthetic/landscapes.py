"""Draw landscapes: a sky, ridges behind each other, a receding ground or water, and objects on it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from visop.synthetic.buildings import draw_house
from visop.synthetic.cutouts import Light, cut_out, make_light
from visop.synthetic.materials import make_material
from visop.synthetic.outlines import Outline, make_outline
from visop.synthetic.palettes import Colours, make_palette, pixel
from visop.synthetic.strokes import draw_strokes, draw_tree, make_brush


def landscape(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw a landscape, from far to near."""
    size = max(width, height)
    horizon = int(height * style.uniform(0.25, 0.75))
    light = make_light(style)
    canvas = _sky(style, content, width, height)
    haze = make_palette(style, 1, "sky", "dusk")[0]
    _ridges(style, content, canvas, horizon, haze)
    _ground(style, content, canvas, horizon)
    if style.random() < 0.3:
        canvas.paste(canvas.filter(ImageFilter.BoxBlur(size * style.uniform(0.004, 0.015))))
    plants = make_palette(style, 8, "foliage", "foliage", "earth", "dusk")
    stuff = make_material(style, content, make_palette(style, 8), size)
    things = style.choice(["tree", "house", "rock", "pole"], size=2)
    feet = horizon + (height - horizon) * np.sort(content.beta(1, 2, int(content.integers(1, 14))))
    for foot in feet.tolist():
        scale = size * content.uniform(0.1, 0.25) * (0.4 + 2 * (foot - horizon) / height)
        place = (content.uniform(0, width), foot)
        _stand(canvas, str(content.choice(things)), place, scale, plants, stuff, light, content)
    if style.random() < 0.4:
        _near_grass(style, content, canvas, plants)
    return canvas


def _sky(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    colours = make_palette(style, 2, "sky", "sky", "dusk", "snow", "night")
    ramp = np.linspace(0, 1, height)[:, None] * (colours[1] - colours[0]) + colours[0]
    sky = Image.fromarray((np.clip(ramp, 0, 1)[:, None] * 255).astype(np.uint8)).resize((width, height))
    if style.random() < 0.7:
        clouds = make_material(style, content, make_palette(style, 6, "sky", "snow", "dusk"), width, ("cloud",))
        sky = Image.blend(sky, clouds.resize((width, height)), style.uniform(0.1, 0.8))
    if style.random() < 0.2:
        (x, y), radius = content.uniform(0, 1, 2) * (width, height / 2), width * content.uniform(0.01, 0.06)
        ImageDraw.Draw(sky).ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 250, 225))
    return sky


def _crest(rng: np.random.Generator, width: int, height: int, level: float, rise: float, rough: float) -> Outline:
    """Make the outline of a ridge whose waves have a power-law spectrum, closed at the bottom of the picture."""
    columns = np.linspace(0, width, 100)
    waves = np.arange(1, 40)
    heights = rng.normal(0, 1, len(waves)) / waves**rough
    rows = level - rise * (np.cos(columns[:, None] / width * waves * np.pi + rng.uniform(0, 6.3, len(waves))) @ heights)
    return np.concatenate([np.stack([columns, rows], axis=1), [[width, height], [0, height]]])


def _ridges(
    style: np.random.Generator,
    content: np.random.Generator,
    canvas: Image.Image,
    horizon: int,
    haze: npt.NDArray[np.float64],
) -> None:
    """Draw ridges, blending the farther ones more into the haze."""
    layers, rise, rough = int(style.integers(0, 4)), horizon * style.uniform(0.05, 0.4), style.uniform(0.9, 1.8)
    palette = make_palette(style, 8, "foliage", "stone", "earth", "snow")
    rock = make_material(style, content, palette, max(canvas.size))
    for layer in range(layers):
        air = 0.8 * (1 - (layer + 1) / (layers + 1))
        tile = Image.blend(rock, Image.new("RGB", rock.size, pixel(haze)), air)
        level = horizon - rise * 0.8 * (layers - layer) / layers
        cut_out(canvas, tile, _crest(content, *canvas.size, level, rise, rough), content)


def _ground(style: np.random.Generator, content: np.random.Generator, canvas: Image.Image, horizon: int) -> None:
    """Draw the ground: a material in perspective, or water that mirrors what is above it."""
    width, height = canvas.size
    depth = height - horizon
    if depth < 4:
        return
    if style.random() < 0.25:
        above = canvas.crop((0, max(0, horizon - depth), width, horizon)).resize((width, depth))
        mirrored = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).filter(ImageFilter.BoxBlur((1, 4)))
        waves = make_material(style, content, make_palette(style, 6, "water"), width, ("streaks", "cloud", "rings"))
        ground = Image.blend(mirrored, recede(waves, width, depth, 6.0), style.uniform(0.1, 0.5))
    else:
        palette = make_palette(style, 8, "foliage", "earth", "sand", "stone", "snow")
        ground = recede(make_material(style, content, palette, width), width, depth, style.uniform(1, 8))
    canvas.paste(ground, (0, horizon))


def recede(tile: Image.Image, width: int, height: int, steepness: float) -> Image.Image:
    """Show a tile as a plane that recedes from the viewer: its lower edge is ``1 + steepness`` times nearer."""
    fall = steepness / height
    scale = tile.width / width
    down = tile.height * (1 + steepness) / height
    coefficients = (scale, scale * width * fall / 2, 0.0, 0.0, down, 0.0, 0.0, fall)
    return tile.transform((width, height), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR)


def _stand(
    canvas: Image.Image,
    thing: str,
    foot: tuple[float, float],
    scale: float,
    plants: Colours,
    stuff: Image.Image,
    light: Light,
    rng: np.random.Generator,
) -> None:
    if thing == "tree":
        draw_tree(canvas, foot, scale, plants, rng)
    elif thing == "house":
        draw_house(canvas, foot, scale, plants, stuff, rng)
    elif thing == "rock":
        kind = str(rng.choice(["polygon", "blob", "ellipse"]))
        stretch = scale * 0.5 * rng.uniform(0.4, 1, 2)
        cut_out(canvas, stuff, make_outline(rng, kind) * stretch + foot - (0, stretch[1] * 0.7), rng, light)
    else:
        width, height = scale * 0.03, scale * rng.uniform(0.8, 2)
        box = np.array([[-width, 0], [width, 0], [width, -height], [-width, -height]])
        cut_out(canvas, stuff, box + foot, rng, light)


def _near_grass(style: np.random.Generator, content: np.random.Generator, canvas: Image.Image, plants: Colours) -> None:
    width, height = canvas.size
    count = int(style.integers(80, 400))
    starts = np.stack([content.uniform(0, width, count), height * content.uniform(0.85, 1.1, count)], axis=1)
    brush = make_brush(style, plants, width)
    draw_strokes(canvas, brush, starts[np.argsort(starts[:, 1])], np.full(count, -np.pi / 2), content)
