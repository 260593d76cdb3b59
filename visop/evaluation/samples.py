"""The pictures of an evaluation: originals from files, and what the transformations make of them, the same every time.

An original is worked on at a limited size, so that a 50-megapixel photo costs no more than others; no encoder looks at
as many pixels.
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

#: Pixels of an original's longer side, at most.
MAX_SIDE = 1024


def read_original(path: str, limits: ImageLimits) -> PILImage.Image:
    """Read a picture, upright, RGB, and not larger than ``MAX_SIDE``.

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
    """What two files have in common if they show the same pixels."""
    return hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest()


def transform(picture: PILImage.Image, transformation: Transformation, key: str, seed: int) -> Image:
    """Apply a transformation, with random choices that depend on the picture and on nothing around it.

    Args:
        picture: RGB.
        transformation: what to do.
        key: the picture's ``digest``.
        seed: of the evaluation.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    rng = np.random.default_rng([seed, int(key[:16], 16), zlib.crc32(transformation.name.encode())])
    return np.asarray(transformation.apply(picture, rng).convert("RGB"))


def choose_transformations(names: Sequence[str]) -> list[Transformation]:
    """The named ones, each once, or all if none is named.

    Raises:
        UsageError: there is none of that name; lists those that there are.
    """
    for name in names:
        if name not in TRANSFORMATIONS:
            raise UsageError("transformations", name, f"must be of {', '.join(TRANSFORMATIONS)}")
    return [TRANSFORMATIONS[name] for name in dict.fromkeys(names or TRANSFORMATIONS)]
