"""Draw a few plain shapes, as in product photos on white, signs, logos, diagrams and silhouettes."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from visop.synthetic.cutouts import cut_out, make_light
from visop.synthetic.materials import make_material
from visop.synthetic.outlines import OUTLINES, make_outline
from visop.synthetic.palettes import make_palette, pixel


def plain_shapes(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw large flat areas on white, on black or on one colour."""
    size = max(width, height)
    palette = make_palette(style, 6)
    ground = (pixel(palette[0]), (252, 252, 252), (6, 6, 8))[style.integers(3)]
    canvas = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(canvas)
    tile = make_material(style, content, make_palette(style, 8), size)
    kinds = style.choice(list(OUTLINES), size=2)
    light = make_light(style) if style.random() < 0.5 else None
    outlined = style.random() < 0.3
    for _ in range(int(style.integers(2, 14))):
        radius = size * np.exp(content.uniform(np.log(0.03), np.log(0.35)))
        centre = content.uniform(0.1, 0.9, 2) * (width, height)
        points = make_outline(content, str(content.choice(kinds))) * radius + centre
        if outlined:
            draw.polygon(
                points.ravel().tolist(), outline=pixel(palette[content.integers(6)]), width=max(2, size // 100)
            )
        elif content.random() < 0.4:
            cut_out(canvas, tile, points, content, light)
        else:
            draw.polygon(points.ravel().tolist(), fill=pixel(palette[content.integers(6)]))
    return canvas
