"""The pictures that the benchmarks send: the colour photographs that ship inside the scikit-image wheel."""

from __future__ import annotations

import io
import random
from pathlib import Path

import numpy as np
import skimage
from PIL import Image as PILImage

_FOLDER = Path(skimage.__file__).parent / "data"
_NAMES = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "rocket.jpg",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "retina.jpg",
)
_JPEG_QUALITY = 90
# Upsampling leaves no detail of single pixels, so that the JPEG would be smaller and quicker to decode than a
# camera's. This much noise, in grey levels, gives a 12-megapixel file of about 3 MB, as a camera does.
_SENSOR_NOISE = 8.0


def jpeg_photos(megapixels: float | None = None) -> list[bytes]:
    """The photographs as JPEG files of quality 90.

    Args:
        megapixels: scale each of them to so many million pixels, its shape kept, with noise as of a sensor; None leaves
            the natural size, 0.1 to 2 megapixels.
    """
    photos = [PILImage.open(_FOLDER / name).convert("RGB") for name in _NAMES]
    if megapixels is not None:
        photos = [_enlarge(photo, megapixels * 1e6) for photo in photos]
    return [encode(photo, "JPEG") for photo in photos]


def _enlarge(photo: PILImage.Image, pixels: float) -> PILImage.Image:
    scale = (pixels / (photo.width * photo.height)) ** 0.5
    large = photo.resize((round(photo.width * scale), round(photo.height * scale)), PILImage.Resampling.BICUBIC)
    noise = np.random.default_rng(0).standard_normal((large.height, large.width, 3), np.float32) * _SENSOR_NOISE
    return PILImage.fromarray(np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8))


def encode(photo: PILImage.Image, kind: str) -> bytes:
    """One image file."""
    buffer = io.BytesIO()
    photo.save(buffer, kind, **({"quality": _JPEG_QUALITY} if kind in ("JPEG", "WEBP") else {}))
    return buffer.getvalue()


def mixed_files(count: int, seed: int = 0) -> list[bytes]:
    """Image files as a long-lived server meets them: all formats, from thumbnails to 4 megapixels, seeded."""
    rng = random.Random(seed)
    photos = [PILImage.open(_FOLDER / name).convert("RGB") for name in _NAMES]
    files = []
    for _ in range(count):
        kind = rng.choices(("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"), weights=(10, 4, 3, 1, 1, 1))[0]
        # Most pictures of the world are small; a third as large, as often.
        width, height = (round(64 * 2 ** rng.uniform(0, 5)) for _ in range(2))
        files.append(encode(rng.choice(photos).resize((width, height)), kind))
    return files
