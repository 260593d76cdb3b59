"""Cut shapes out of a material and paste them on a canvas, with shading and a shadow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from visop.synthetic.outlines import Outline


@dataclass(frozen=True, slots=True)
class Light:
    """The light of one picture.

    Attributes:
        round: the shading of a bulging object, as a grey picture to multiply with.
        gloss: the highlight on such an object, as a mask.
        shadow: offset of shadows to the right and down, as a share of the object's size.
        depth: darkness of shadows, 0 to 1.
        softness: blur radius of shadows, as a share of the object's size.
    """

    round: Image.Image
    gloss: Image.Image
    shadow: tuple[float, float]
    depth: float
    softness: float


def make_light(rng: np.random.Generator) -> Light:
    """Choose a light from a random direction, hard or soft."""
    angle, height, bulge = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.2), rng.uniform(0.3, 1.2)
    ambient = rng.uniform(0.15, 0.8)
    y, x = np.mgrid[-1:1:40j, -1:1:40j]
    normal = np.stack([x * bulge, y * bulge, np.sqrt(np.clip(1.5 - (x**2 + y**2) * bulge**2, 0.05, None))])
    normal /= np.linalg.norm(normal, axis=0)
    source = np.array([np.cos(angle) * np.cos(height), np.sin(angle) * np.cos(height), np.sin(height)])
    lambert = np.clip((normal * source[:, None, None]).sum(axis=0), 0, 1)
    away = -source[:2] * rng.uniform(0.03, 0.3)
    return Light(
        round=Image.fromarray((255 * (ambient + (1 - ambient) * lambert)).astype(np.uint8)),
        gloss=Image.fromarray((230 * lambert ** rng.uniform(20, 80)).astype(np.uint8)),
        shadow=(float(away[0]), float(away[1])),
        depth=float(rng.choice([0.0, rng.uniform(0.2, 0.8)], p=[0.4, 0.6])),
        softness=float(rng.uniform(0.01, 0.15)),
    )


def cut_out(
    canvas: Image.Image,
    tile: Image.Image,
    outline: Outline,
    rng: np.random.Generator,
    light: Light | None = None,
    *,
    gloss: bool = False,
) -> None:
    """Fill an outline with a random piece of a tile, a little lighter or darker than the tile.

    Args:
        canvas: the picture to draw on.
        tile: the material, at least as large as the canvas.
        outline: points in pixels of the canvas; parts outside the canvas are not drawn.
        rng: the random generator.
        light: shades the shape as if it bulged, and gives it a shadow; None leaves it flat.
        gloss: whether to add a highlight; needs ``light``.
    """
    low = np.clip(np.floor(outline.min(axis=0)), 0, canvas.size).astype(int)
    high = np.clip(np.ceil(outline.max(axis=0)) + 1, 0, canvas.size).astype(int)
    width, height = (high - low).tolist()
    if min(width, height) < 2:
        return
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).polygon((outline - low).ravel().tolist(), fill=255)
    corner = (int(low[0]), int(low[1]))
    piece = _piece(tile, width, height, rng)
    if light:
        _cast_shadow(canvas, mask, corner, light)
        piece = ImageChops.multiply(
            piece, Image.merge("RGB", [light.round.resize((width, height), Image.Resampling.BILINEAR)] * 3)
        )
        if gloss:
            piece.paste((255, 255, 250), (0, 0), light.gloss.resize((width, height)))
    canvas.paste(piece, corner, mask)


def _piece(tile: Image.Image, width: int, height: int, rng: np.random.Generator) -> Image.Image:
    x, y = int(rng.integers(tile.width - width + 1)), int(rng.integers(tile.height - height + 1))
    gain = rng.uniform(0.6, 1.35)
    return Image.blend(Image.new("RGB", (width, height)), tile.crop((x, y, x + width, y + height)), gain)


def _cast_shadow(canvas: Image.Image, mask: Image.Image, corner: tuple[int, int], light: Light) -> None:
    scale = float(np.sqrt(mask.width * mask.height))
    if not light.depth or scale < 8:
        return
    blur = max(1, int(light.softness * scale))
    shadow = Image.new("L", (mask.width + 2 * blur, mask.height + 2 * blur))
    shadow.paste(int(255 * light.depth), (blur, blur), mask)
    place = (int(corner[0] - blur + light.shadow[0] * scale), int(corner[1] - blur + light.shadow[1] * scale))
    canvas.paste((0, 0, 0), place, shadow.filter(ImageFilter.BoxBlur(blur)))
