"""Simulate a photograph of a scene: light, exposure, colour cast, focus and noise."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageStat

_LUMA = np.array([0.299, 0.587, 0.114])


def photograph(rng: np.random.Generator, scene: Image.Image, width: int, height: int) -> Image.Image:
    """Scale a scene to its final size, light it, expose it, and sometimes add blur and noise."""
    image = _expose(rng, _light(rng, scene.resize((width, height), Image.Resampling.BOX)))
    if rng.random() < 0.2:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    return _sensor_noise(rng, image)


def _light(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Darken a picture unevenly, with a gradient or a few soft patches of shade."""
    if rng.random() < 0.3:
        return image
    side = int(rng.choice([2, 3, 5]))
    shade = rng.uniform(255 * rng.uniform(0.2, 0.9), 255, (side, side)).astype(np.uint8)
    light = Image.fromarray(shade).resize(image.size, Image.Resampling.BICUBIC)
    return ImageChops.multiply(image, Image.merge("RGB", [light] * 3))


def _expose(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Adjust brightness and contrast to values that photos have, as an automatic exposure does, and the colours.

    A quarter of the pictures keep their brightness and contrast; some become grey or faded. The automatic exposure aims
    at a mean of 0.44 of full scale and a standard deviation of 0.21.
    """
    statistics = ImageStat.Stat(image.convert("L"))
    mean, deviation = statistics.mean[0], statistics.stddev[0] / 255
    contrast, target = 1.0, mean
    if rng.random() < 0.75:
        contrast = float(np.clip(rng.lognormal(np.log(0.21), 0.35) / (deviation + 0.01), 0.5, 4.0))
        target = 255 * rng.beta(4, 5)
    colour = rng.choice([0.0, rng.uniform(0.1, 0.6), rng.uniform(0.8, 1.4)], p=[0.07, 0.15, 0.78])
    cast = np.exp(rng.normal(0, 0.04, (3, 1)) * min(1, colour))
    colour /= max(1, contrast) ** 0.4  # strong contrast would also make faint colours garish
    mix = contrast * cast * (colour * np.eye(3) + (1 - colour) * _LUMA)
    matrix = np.column_stack([mix, np.full(3, target - contrast * mean)])
    return image.convert("RGB", tuple(matrix.ravel().tolist()))


def _sensor_noise(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    if rng.random() < 0.6:
        return image
    pixels = np.asarray(image, np.float32)
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(rng.uniform(1, 8))
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))
