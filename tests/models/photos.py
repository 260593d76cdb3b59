"""Real photos for the tests: those that are inside the wheel of scikit-image (its others would be downloaded)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

PHOTOS = (
    *("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field", "ihc"),
    *("retina", "motorcycle_left", "camera", "coins", "text", "page"),
)
# Lossless files: every version of every decoder gives the same pixels.
GOLDEN_PHOTOS = ("astronaut", "chelsea", "coffee", "motorcycle_left")


def photos(height: int, width: int) -> np.ndarray:
    """(12, height, width, 3) uint8 RGB: all photos, resized."""
    return np.stack([np.asarray(open_photo(name).resize((width, height))) for name in PHOTOS])


def golden_photos(height: int, width: int) -> np.ndarray:
    """(4, height, width, 3) uint8 RGB: the middle of each, not resized."""
    return np.stack([_middle(np.asarray(open_photo(name)), height, width) for name in GOLDEN_PHOTOS])


def open_photo(name: str) -> Image.Image:
    """One of them in its own size, RGB."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    return Image.open(next(Path(spec.origin).with_name("data").glob(f"{name}.*"))).convert("RGB")


def _middle(image: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]
