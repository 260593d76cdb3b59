"""Cut parts out of a decoded picture, and write them as files."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import IO

import numpy as np
import PIL.Image

from visop.contract import Image
from visop.detection import Box

#: Of libjpeg.
MAX_JPEG_SIDE = 65_500

# Boxes come out of float32 arithmetic: a pixel of which a box covers less than this is not touched.
_ROUNDING = 1e-3


@dataclass(frozen=True)
class CropOptions:
    """How crops are made.

    Attributes:
        quality: of the JPEG, 1 to 100.
        margin: added on each side, as a share of the width or height of the box; what is outside the picture is not
            added.
        omit: whether none is wanted.
        drawn: whether the picture is wanted with everything drawn onto it.
    """

    quality: int = 90
    margin: float = 0.0
    omit: bool = False
    drawn: bool = False


def crop(image: Image, box: Box, image_size: tuple[int, int], margin: float = 0.0) -> Image:
    """Cut a box out of a picture, with every pixel that it touches.

    Args:
        image: (H, W, 3) uint8, at the size of the picture or decoded at a reduced scale.
        box: (x, y, w, h) in pixels of the picture, inside it.
        image_size: (width, height) of the picture.
        margin: as of ``CropOptions``.

    Returns:
        (h, w, 3) uint8 of at least one pixel, which owns its memory.
    """
    height, width = image.shape[:2]
    x, y, w, h = box
    left, right = _pixels(x - margin * w, x + w + margin * w, width / image_size[0], width)
    top, bottom = _pixels(y - margin * h, y + h + margin * h, height / image_size[1], height)
    return np.ascontiguousarray(image[top:bottom, left:right])


def crop_file(image: Image, box: Box, image_size: tuple[int, int], options: CropOptions) -> bytes:
    """Cut a box out of a picture as a JPEG. Arguments as of ``crop``."""
    return jpeg_file(crop(image, box, image_size, options.margin), options.quality)


def jpeg_file(image: Image, quality: int) -> bytes:
    """An image as a JPEG of this quality, 1 to 100; scaled down as by ``save_jpeg``."""
    file = io.BytesIO()
    save_jpeg(PIL.Image.fromarray(image), file, quality)
    return file.getvalue()


def save_jpeg(picture: PIL.Image.Image, file: IO[bytes], quality: int) -> None:
    """Write a picture as a JPEG; one with longer sides than a JPEG may have is scaled down."""
    if max(picture.size) > MAX_JPEG_SIDE:
        picture = picture.copy()
        picture.thumbnail((MAX_JPEG_SIDE, MAX_JPEG_SIDE))
    picture.save(file, "JPEG", quality=quality)


def _pixels(start: float, end: float, scale: float, size: int) -> tuple[int, int]:
    """The first pixel that an interval touches, and the one after the last."""
    first = min(max(0, math.floor(start * scale + _ROUNDING)), size - 1)
    return first, max(first + 1, min(size, math.ceil(end * scale - _ROUNDING)))
