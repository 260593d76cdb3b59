"""Make surfaces such as stone, cloud, wood, cloth, skin and bricks, from which shapes are cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from visop.synthetic.noise import Field, cells, spectral_noise, to_grey
from visop.synthetic.palettes import Colours, colourise

# (style, content, size) -> a field (size, size). ``style`` decides the look and ``content`` the details, so that the
# pictures of a series can show the same cloth without showing the same threads.
Material = Callable[[np.random.Generator, np.random.Generator, int], Field]


def _mesh(size: int) -> tuple[Field, Field]:
    """Return coordinates from 0 to 1: rows (size, 1) and columns (1, size)."""
    line = np.linspace(0, 1, size, endpoint=False, dtype=np.float32)
    return line[:, None], line[None, :]


def _cloud(style: np.random.Generator, content: np.random.Generator, size: int) -> Field:
    return spectral_noise(content, size, style.uniform(0.9, 2.0)) * np.float32(style.uniform(0.6, 2.0))


def _streaks(style: np.random.Generator, content: np.random.Generator, size: int) -> Field:
    exponent, stretch, angle = style.uniform(0.8, 1.5), style.uniform(3, 20), style.uniform(0, np.pi)
    return spectral_noise(content, size, exponent, stretch=stretch, angle=angle) * np.float32(style.uniform(0.8, 1.6))


def _veins(style: np.random.Generator, content: np.random.Generator, size: int) -> Field:
    field = np.abs(spectral_noise(content, size, style.uniform(1.4, 2.2)))
    return np.float32(4.0) * np.exp(-field * np.float32(style.uniform(1, 6))) - np.float32(2.0)


def _rings(style: np.random.Generator, content: np.random.Generator, size: int) -> Field:
    """Draw waves along a warped axis: wood, sand, zebra, cloth."""
    rows, columns = _mesh(size)
    angle = style.uniform(0, np.pi)
    axis = rows * np.float32(np.cos(angle)) + columns * np.float32(np.sin(angle))
    warp = spectral_noise(content, size, 2.0) * np.float32(style.uniform(0.0, 0.1))
    waves: Field = np.sin((axis + warp) * np.float32(2 * np.pi * np.exp(style.uniform(1.2, 4.0))))
    return waves * np.float32(1.5) + spectral_noise(content, size, 0.9) * np.float32(style.uniform(0.1, 0.7))


def _patches(style: np.random.Generator, content: np.random.Generator, size: int) -> Field:
    """Quantise a cloud into steps: moss on stone, camouflage, a map."""
    levels = style.integers(2, 6)
    field = spectral_noise(content, size, style.uniform(1.2, 2.0))
    steps = np.round(field * np.float32(levels / 3)) * np.float32(3 / levels)
    return steps + spectral_noise(content, size, 0.8) * np.float32(style.uniform(0.05, 0.5))


def _spots(style: np.random.Generator, content: np.random.Generator, size: int) -> Field:
    """Saturate the difference of two noises: leopard, lichen, pebbles."""
    coarse = spectral_noise(content, size, 1.5)
    fine = spectral_noise(content, size, style.uniform(1.8, 2.6))
    return np.tanh((coarse - fine * np.float32(style.uniform(0.3, 0.9))) * np.float32(style.uniform(2, 8)))


def _grid(style: np.random.Generator, content: np.random.Generator, size: int) -> Field:
    """Draw bricks, tiles or shingles."""
    rows, columns = _mesh(size)
    across, down = np.exp(style.uniform(1.1, 3.4, 2)).astype(np.float32)
    course = np.floor(rows * down)
    x = columns * across + np.float32(style.choice([0.0, 0.5])) * (course % 2)
    joint = np.float32(style.uniform(0.03, 0.2))
    bricks = (((rows * down) % 1 > joint) & (x % 1 > joint)).astype(np.float32)
    tones = content.standard_normal(997, dtype=np.float32)[(course * 31 + np.floor(x) * 7).astype(np.int64) % 997]
    grain = spectral_noise(content, size, 1.1) * np.float32(style.uniform(0.1, 0.6))
    wall: Field = np.float32(1.6) * bricks - 1 + np.float32(style.uniform(0.1, 0.9)) * bricks * tones + grain
    return wall


def _weave(style: np.random.Generator, content: np.random.Generator, size: int) -> Field:
    """Weave horizontal and vertical threads: cloth, baskets, wire."""
    rows, columns = _mesh(size)
    across, down = np.exp(style.uniform(2.0, 4.0, 2)).astype(np.float32) * np.float32(np.pi)
    warp = spectral_noise(content, size, 2.2) * np.float32(style.uniform(0, 0.6))
    threads = np.sin(columns * across + warp) * np.float32(style.uniform(0.2, 1)) + np.sin(rows * down + warp)
    folds = spectral_noise(content, size, 2.0) * np.float32(style.uniform(0, 1))
    cloth: Field = threads + folds
    return cloth


def _cracks(style: np.random.Generator, content: np.random.Generator, size: int) -> Field:
    """Draw cells with borders: dry mud, a stone wall, scales, leaf veins, mosaic."""
    side = size // 3
    margin, own = cells(content, side, int(np.exp(style.uniform(2.5, 6.5))))
    tones = content.standard_normal(own.max() + 1, dtype=np.float32)[own] * np.float32(style.uniform(0, 1))
    edges = np.minimum(margin * np.float32(style.uniform(2, 12)), 1) * 2 - 1
    return _enlarge(edges + tones, size) + spectral_noise(content, size, 1.0) * np.float32(style.uniform(0.1, 0.6))


def _grains(style: np.random.Generator, content: np.random.Generator, size: int) -> Field:
    """Draw fine, uniform noise, sometimes with heavy tails: sand, plaster, gravel, fur from afar."""
    field = spectral_noise(content, size, style.uniform(0.4, 1.0)) * np.float32(style.uniform(0.4, 1.2))
    return field * np.abs(field) if style.random() < 0.5 else field


def _smooth(style: np.random.Generator, content: np.random.Generator, size: int) -> Field:
    """Draw an almost flat surface: a wall, a sky, something out of focus."""
    broad = _enlarge(spectral_noise(content, 16, 2.0), size) * np.float32(style.uniform(0.3, 1.5))
    return broad + spectral_noise(content, size, 0.9) * np.float32(style.uniform(0, 0.15))


def _enlarge(field: Field, size: int) -> Field:
    return np.asarray(Image.fromarray(field).resize((size, size), Image.Resampling.BICUBIC))


MATERIALS: dict[str, Material] = {
    "cloud": _cloud,
    "streaks": _streaks,
    "veins": _veins,
    "rings": _rings,
    "patches": _patches,
    "spots": _spots,
    "grid": _grid,
    "weave": _weave,
    "cracks": _cracks,
    "grains": _grains,
    "smooth": _smooth,
}


def _relief(style: np.random.Generator, height: Field) -> Field:
    """Show a field as a rough surface in raking light."""
    slope = height - np.roll(height, (int(style.integers(-2, 3)), int(style.choice([-2, -1, 1, 2]))), axis=(0, 1))
    return height * np.float32(style.uniform(0, 0.5)) + slope * np.float32(1.2 / (slope.std() + 1e-6))


def make_material(
    style: np.random.Generator,
    content: np.random.Generator,
    palette: Colours,
    size: int,
    kinds: Sequence[str] = tuple(MATERIALS),
) -> Image.Image:
    """Make a square of ``size`` pixels of one of the kinds.

    The field is made at two thirds of the size, which is the resolution of the final picture (see ``generate``).
    """
    field = MATERIALS[str(style.choice(list(kinds)))](style, content, size * 2 // 3)
    if style.random() < 0.3:
        field = _relief(style, field)
    grey = Image.fromarray(to_grey(field)).resize((size, size), Image.Resampling.BILINEAR)
    image = colourise(style, grey, palette)
    if style.random() < 0.3:
        stain = Image.fromarray(to_grey(spectral_noise(content, 128, 1.8), style.uniform(0.5, 3)))
        image.paste(colourise(style, grey, palette), (0, 0), stain.resize((size, size), Image.Resampling.BILINEAR))
    return image
