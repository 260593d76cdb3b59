"""Draw fractals of random affine maps, as in FractalDB (Kataoka et al. 2020, "Pre-training without Natural Images")."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from visop.synthetic.materials import make_material
from visop.synthetic.noise import Grey
from visop.synthetic.palettes import colourise, make_palette

_ORBITS = 500
_STEPS = 80
_SETTLING = 15


def _orbit_points(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Compute points (n, 2) of an attractor with the chaos game, for many orbits at once."""
    count = int(rng.integers(2, 6))
    maps = rng.uniform(-1, 1, (count, 2, 3)).astype(np.float32)
    # Every map must contract (largest singular value below 1), else the points diverge to infinity.
    norms = np.linalg.norm(maps[:, :, :2], ord=2, axis=(1, 2))
    maps[:, :, :2] *= (rng.uniform(0.4, 0.95, count) / norms)[:, None, None]
    x, y = rng.uniform(-1, 1, (2, _ORBITS)).astype(np.float32)
    points = np.empty((_STEPS, 2, _ORBITS), np.float32)
    for step, choice in enumerate(rng.integers(0, count, (_STEPS, _ORBITS))):
        ((a, b, c), (d, e, f)) = maps[choice].transpose(1, 2, 0)
        x, y = a * x + b * y + c, d * x + e * y + f
        points[step] = x, y
    return points[_SETTLING:].transpose(0, 2, 1).reshape(-1, 2)


def _density(points: npt.NDArray[np.float32], width: int, height: int, reach: float) -> Grey:
    """Count how often each pixel is hit, on a logarithmic scale; (height, width) uint8."""
    low, high = np.percentile(points[::7], [1, 99], axis=0)
    scaled = ((points - low) / (high - low + 1e-6) - 0.5) * reach + 0.5
    columns, rows = np.floor(scaled * (width, height)).astype(np.int64).T
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    hits = np.bincount(rows[inside] * width + columns[inside], minlength=width * height)
    light = np.log1p(hits.astype(np.float32))
    top = float(np.percentile(light[light > 0], 98)) if light.any() else 1.0
    return np.minimum(light * (255 / top), 255).astype(np.uint8).reshape(height, width)


def fractals(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw two to four attractors over a material."""
    canvas = make_material(style, content, make_palette(style, 8), max(width, height)).crop((0, 0, width, height))
    for _ in range(style.integers(2, 5)):
        density = _density(_orbit_points(content), width // 2, height // 2, content.uniform(0.5, 1.3))
        mask = Image.fromarray(density).resize((width, height), Image.Resampling.BILINEAR)
        canvas.paste(colourise(style, mask, make_palette(style, 6)), (0, 0), mask)
    return canvas
