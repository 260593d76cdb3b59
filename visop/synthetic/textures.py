"""Draw pure textures: two materials, one showing through the other, and coloured noise."""

from __future__ import annotations

import numpy as np
from PIL import Image

from visop.synthetic.materials import make_material
from visop.synthetic.noise import spectral_noise, to_grey
from visop.synthetic.palettes import make_palette


def texture(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Blend two materials, or mask one with the other, as in worn paint, a carpet or a close-up."""
    palette = make_palette(style, 8)
    size = max(width, height)
    first, second = (make_material(style, content, palette, size) for _ in range(2))
    if style.random() < 0.5:
        mask = to_grey(spectral_noise(content, 128, style.uniform(1.4, 2.2)), style.uniform(0.1, 2))
        first.paste(second, (0, 0), Image.fromarray(mask).resize(first.size, Image.Resampling.BICUBIC))
    else:
        first = Image.blend(first, second, style.uniform(0.2, 0.8))
    return first.crop((0, 0, width, height))


def colour_noise(style: np.random.Generator, content: np.random.Generator, width: int, height: int) -> Image.Image:
    """Mix three independent 1/f fields with heavy tails in a random colour basis (as in Baradad et al. 2021)."""
    size = max(width, height) * 2 // 3
    exponent, tail = style.uniform(0.9, 1.9), style.uniform(1, 2)
    fields = np.stack([spectral_noise(content, size, exponent) for _ in range(3)])
    fields = np.sign(fields) * np.abs(fields) ** np.float32(tail) * np.array([1, 0.35, 0.15], np.float32)[:, None, None]
    basis, _ = np.linalg.qr(np.column_stack([np.ones(3) + style.normal(0, 0.3, 3), style.normal(0, 1, (3, 2))]))
    mixed = np.einsum("ij,jhw->hwi", basis.astype(np.float32), fields)
    pixels = np.clip(128 + mixed * np.float32(70), 0, 255).astype(np.uint8)
    square = max(width, height)
    return Image.fromarray(pixels).resize((square, square), Image.Resampling.BICUBIC).crop((0, 0, width, height))
