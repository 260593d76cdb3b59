"""The only module of this room that knows Pillow: sizes, thumbnails, and pictures from memory as files."""

from __future__ import annotations

import base64
import io
import warnings
from contextlib import suppress
from typing import Any

import numpy as np
from PIL import Image

from visop.errors import InvalidInput
from visop.images.decode import ImageLimits, decode_image, orientation

# Orientations that lie on their side (CIPA DC-008).
_TURNED = (5, 6, 7, 8)


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, upright, from the header of a picture that was decoded before; 0, 0 if unknown."""
    width, height, lies = 0, 0, 1
    # An operator of the user's own may read what Pillow does not, and one elsewhere may take what is too large here.
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            # The Exif of a PNG may come after the pixels, and Pillow decodes them to look for it.
            lies = orientation(picture) if picture.format != "PNG" or "exif" in picture.info else 1
    return (height, width) if lies in _TURNED else (width, height)


def thumbnail(data: bytes, limits: ImageLimits, side: int) -> Image.Image:
    """A small picture, RGB, upright, neither side above ``side`` pixels.

    Raises:
        VisopError: not an image within the limits.
    """
    picture = Image.fromarray(decode_image(data, limits, decode_side=side))
    picture.thumbnail((side, side), Image.Resampling.BILINEAR)
    return picture


def data_uri(data: bytes, limits: ImageLimits, side: int) -> str:
    """A thumbnail for a page that stands alone. Raises as ``thumbnail``."""
    file = io.BytesIO()
    thumbnail(data, limits, side).save(file, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def as_file(picture: Any) -> bytes:
    """A Pillow image or an array, (H, W, 3) or (H, W) uint8, as a PNG file, which loses nothing.

    Raises:
        InvalidInput: it is neither.
    """
    if not isinstance(picture, Image.Image):
        array = np.asarray(picture)
        if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
            raise InvalidInput(
                f"an array of shape {array.shape} and {array.dtype}: must be (height, width, 3) uint8, RGB"
            )
        picture = Image.fromarray(array)
    file = io.BytesIO()
    picture.convert("RGB").save(file, "PNG", compress_level=1)
    return file.getvalue()
