"""Draw scenes: balls, crosses, rings, stars and triangles before landscapes, walls, thickets and textures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from visop.synthetic.buildings import facade
from visop.synthetic.camera import photograph
from visop.synthetic.cutouts import cut_out, make_light
from visop.synthetic.landscapes import landscape
from visop.synthetic.materials import make_material
from visop.synthetic.mixture import Family
from visop.synthetic.palettes import make_palette
from visop.synthetic.scene_layout import Layout, lay_out
from visop.synthetic.strokes import strokes, thicket
from visop.synthetic.textures import colour_noise, texture

# To be incremented whenever a seed gives a different scene than before.
EDITION = 1

# Those in which nothing looks like one of the objects.
_BACKGROUNDS: tuple[Family, ...] = (landscape, facade, thicket, strokes, texture, colour_noise)


def scene_layout(seed: int, size: int) -> Layout:
    """The objects of a scene, with their boxes; not painted.

    Args:
        seed: from 0; the same layout in every process.
        size: the longer side, in pixels.
    """
    return lay_out(np.random.default_rng([seed, 4]), size)


def draw_scene(seed: int, size: int) -> npt.NDArray[np.uint8]:
    """Paint the scene of ``scene_layout``: (height, width, 3) uint8 RGB."""
    layout, style, content = scene_layout(seed, size), *(np.random.default_rng([seed, each]) for each in (5, 6))
    canvas = _BACKGROUNDS[style.integers(len(_BACKGROUNDS))](style, content, *layout.canvas_size)
    _paint(canvas, layout, style, content)
    return np.asarray(photograph(style, canvas, *layout.size))


def _paint(canvas: Image.Image, layout: Layout, style: np.random.Generator, content: np.random.Generator) -> None:
    side = max(canvas.size)
    tiles = [make_material(style, content, make_palette(style, 8), side) for _ in range(3)]
    light, gloss = make_light(style), style.random() < 0.3
    for outline in layout.outlines:
        tile = tiles[content.integers(len(tiles))]
        cut_out(canvas, tile, outline, content, light if content.random() < 0.7 else None, gloss=gloss)
