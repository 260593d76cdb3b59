"""Read the originals of an evaluation and transform them, with the same result in every run.

Originals are scaled down to ``MAX_SIDE``, so that a 50-megapixel picture costs no more than others; no encoder has an
input as large as that.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image as PILImage

from visop.contract import Image
from visop.errors import UsageError, VisopError
from visop.images.decode import ImageLimits, decode_image
from visop.sources import read_input
from visop.synthetic.transformations import TRANSFORMATIONS, Transformation

#: The longest side of an original, in pixels.
MAX_SIDE = 1024


def read_original(path: str, limits: ImageLimits) -> PILImage.Image:
    """Read a picture as RGB, upright, scaled down to ``MAX_SIDE`` if it is larger.

    Raises:
        VisopError: the file cannot be read, or is not an image within the limits.
    """
    data = read_input(path, limits.max_bytes)
    if isinstance(data, VisopError):
        raise data
    if isinstance(data, str):
        raise UsageError("", path, "an evaluation takes files; `visop collect` fetches pictures")
    picture = PILImage.fromarray(decode_image(data, limits, decode_side=MAX_SIDE))
    picture.thumbnail((MAX_SIDE, MAX_SIDE), PILImage.Resampling.BICUBIC)
    return picture


def digest(picture: PILImage.Image) -> str:
    """Return a SHA-256 of the size and pixels; equal for two files exactly if their pixels are."""
    return hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest()


def transform(picture: PILImage.Image, transformation: Transformation, key: str, seed: int) -> Image:
    """Apply a transformation. Its random choices depend only on the picture, the transformation and the seed.

    Args:
        picture: an RGB picture.
        transformation: the transformation to apply.
        key: the picture's ``digest``.
        seed: the seed of the evaluation.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    rng = np.random.default_rng([seed, int(key[:16], 16), zlib.crc32(transformation.name.encode())])
    return np.asarray(transformation.apply(picture, rng).convert("RGB"))


def choose_transformations(names: Sequence[str]) -> list[Transformation]:
    """Return the named transformations, each once, or all of them if ``names`` is empty.

    Raises:
        UsageError: a name is unknown; the message lists the known ones.
    """
    for name in names:
        if name not in TRANSFORMATIONS:
            raise UsageError("transformations", name, f"must be one of {', '.join(TRANSFORMATIONS)}")
    return [TRANSFORMATIONS[name] for name in dict.fromkeys(names or TRANSFORMATIONS)]
