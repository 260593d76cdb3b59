"""Choose colours as in photos: they vary most in lightness, little in chroma, and mainly from blue to yellow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

Colours = npt.NDArray[np.float64]

# The second and third principal axes of natural colours, after lightness (Ruderman, Cronin, Chiao 1998): blue to yellow
# and green to magenta.
_YELLOW = np.array([0.6, 0.3, -0.9])
_MAGENTA = np.array([0.35, -0.4, 0.05])

# Colours of common subjects of photos, each from dark to light.
NATURAL = {
    "sky": [(40, 70, 120), (90, 140, 200), (170, 200, 230), (240, 245, 250)],
    "dusk": [(30, 25, 50), (120, 60, 70), (220, 130, 80), (250, 220, 170)],
    "foliage": [(15, 25, 10), (45, 70, 25), (95, 125, 50), (170, 190, 110)],
    "earth": [(35, 25, 18), (95, 70, 50), (150, 120, 90), (215, 195, 165)],
    "stone": [(30, 30, 32), (90, 90, 90), (150, 148, 142), (225, 222, 215)],
    "skin": [(60, 30, 22), (140, 85, 65), (205, 150, 120), (245, 215, 195)],
    "wood": [(30, 15, 8), (90, 50, 25), (160, 105, 60), (220, 180, 130)],
    "water": [(8, 25, 35), (25, 75, 90), (90, 150, 160), (215, 235, 235)],
    "brick": [(50, 20, 15), (130, 60, 45), (175, 110, 90), (225, 205, 190)],
    "night": [(4, 5, 12), (15, 18, 35), (60, 50, 50), (240, 200, 120)],
    "snow": [(70, 85, 105), (150, 165, 185), (215, 222, 232), (252, 252, 255)],
    "sand": [(90, 70, 45), (170, 140, 100), (215, 190, 150), (245, 230, 205)],
    "fruit": [(70, 10, 10), (190, 40, 25), (235, 150, 40), (250, 235, 150)],
    "flower": [(60, 20, 60), (170, 60, 120), (225, 140, 180), (250, 225, 240)],
}


def make_palette(rng: np.random.Generator, count: int, *names: str) -> Colours:
    """Choose matching colours; (count, 3) float, 0 to 1.

    Args:
        rng: the random generator.
        count: number of colours.
        names: names in ``NATURAL``, one of which is used in 80 % of the cases. Without names, any of them is used in
            half of the cases. The other palettes are made up.
    """
    if rng.random() < (0.8 if names else 0.5):
        return _natural_palette(rng, count, str(rng.choice(list(names or NATURAL))))
    return _made_up_palette(rng, count)


def _natural_palette(rng: np.random.Generator, count: int, name: str) -> Colours:
    anchors = np.array(NATURAL[name]) / 255
    places = rng.beta(1, 1, count) * (len(anchors) - 1)
    colours = np.stack([np.interp(places, np.arange(len(anchors)), channel) for channel in anchors.T], axis=1)
    shift = rng.normal(0, 0.04, 3) + rng.normal(0, 0.03, (count, 3))
    return _saturate(np.clip(colours + shift, 0, 1), rng.uniform(0.4, 1.2))


def _made_up_palette(rng: np.random.Generator, count: int) -> Colours:
    """Choose one or two hues and many lightness values."""
    hue = rng.uniform(0, 2 * np.pi)
    hues = hue + rng.choice([0.0, rng.uniform(0.5, 3.6)], size=count) + rng.normal(0, 0.25, count)
    chroma = rng.gamma(2.0, rng.choice([0.02, 0.08, 0.16])) * rng.uniform(0.4, 1.2, count)
    light = np.clip(rng.uniform(0.25, 0.75) + rng.uniform(0.1, 0.45) * rng.uniform(-1.4, 1.4, count), 0.02, 0.98)
    tint = np.cos(hues)[:, None] * _YELLOW + np.sin(hues)[:, None] * _MAGENTA
    colours: Colours = np.clip(light[:, None] + chroma[:, None] * tint, 0, 1)
    return colours


def _saturate(colours: Colours, factor: float) -> Colours:
    grey = colours.mean(axis=1, keepdims=True)
    saturated: Colours = np.clip(grey + (colours - grey) * factor, 0, 1)
    return saturated


def pixel(colour: npt.NDArray[np.float64], gain: float = 1.0) -> tuple[int, int, int]:
    """Convert a colour (3,) of 0 to 1, times ``gain``, to Pillow's 0 to 255, clipped."""
    red, green, blue = (min(255, max(0, int(value * gain * 255))) for value in colour.tolist())
    return red, green, blue


def colourise(rng: np.random.Generator, grey: Image.Image, palette: Colours) -> Image.Image:
    """Map grey values to a gradient of a few colours of the palette, usually from dark to light."""
    chosen = palette[rng.integers(0, len(palette), rng.integers(2, 5))]
    if rng.random() < 0.75:
        chosen = chosen[np.argsort(chosen.sum(axis=1))]
    stops = np.linspace(0, 255, len(chosen))
    tables = (np.interp(np.arange(256), stops, channel * 255).astype(int).tolist() for channel in chosen.T)
    return Image.merge("RGB", [grey.point(table) for table in tables])
