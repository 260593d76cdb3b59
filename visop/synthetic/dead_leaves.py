"""Draw dead leaves: textured shapes of all sizes that overlap (Lee, Mumford, Huang 2001; Baradad et al. 2021)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from visop.synthetic.cutouts import cut_out, make_light
from visop.synthetic.materials import make_material
from visop.synthetic.outlines import OUTLINES, Outline, make_outline
from visop.synthetic.palettes import make_palette, pixel


def dead_leaves(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw shapes whose sizes follow a power law, as those of objects in photos do; later ones cover earlier ones."""
    size = max(width, height)
    palette = make_palette(style, 12)
    tiles = [make_material(style, content, palette, size) for _ in range(style.integers(2, 4))]
    kinds = style.choice(list(OUTLINES), size=style.integers(1, 5))
    flat, upright = style.uniform(0, 0.8), style.random() < 0.3
    light = make_light(style) if style.random() < 0.7 else None
    centres, radii = _places(style, content, width, height)
    focus = style.random() if style.random() < 0.3 else 0.0
    canvas = tiles[0].crop((0, 0, width, height))
    draw = ImageDraw.Draw(canvas)
    for number, (centre, radius) in enumerate(zip(centres, radii, strict=True)):
        if number == int(focus * len(radii)) > 0:
            canvas.paste(canvas.filter(ImageFilter.BoxBlur(size * 0.012)))
        points = make_outline(content, str(content.choice(kinds)), upright=upright) * radius + centre
        if radius < size * 0.03 or content.random() < flat:
            draw.polygon(points.ravel().tolist(), fill=pixel(palette[content.integers(12)], content.uniform(0.7, 1.2)))
        else:
            cut_out(canvas, tiles[content.integers(len(tiles))], points, content, light)
    return canvas


def _places(
    style: np.random.Generator, content: np.random.Generator, width: int, height: int
) -> tuple[Outline, npt.NDArray[np.float64]]:
    """Choose centres (n, 2) and radii (n,), everywhere or around one point; sometimes the small ones come last."""
    size = max(width, height)
    count = int(style.integers(60, 260))
    exponent, smallest = style.uniform(0.9, 2.4), size * np.exp(style.uniform(np.log(0.008), np.log(0.05)))
    radii = np.minimum(smallest / content.uniform(0.0025, 1, count) ** (1 / exponent), size * 0.4)
    if style.random() < 0.3:
        radii = np.sort(radii)[::-1]
    centres = content.uniform(0, 1, (count, 2))
    if style.random() < 0.25:
        centres = centres[0] * 0.6 + 0.2 + content.normal(0, style.uniform(0.08, 0.25), (count, 2))
    return centres * (width, height), radii
