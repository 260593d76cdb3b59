"""Measure picture files, make thumbnails of them, and encode arrays and Pillow images as files."""

from __future__ import annotations

import base64
import io
from contextlib import suppress
from typing import Any

import numpy as np
from PIL import Image

from visop.errors import InvalidInput
from visop.images.colours.appearance import appearance
from visop.images.decode import FORMATS, ImageLimits, prepare_pillow
from visop.images.decode_process import decode_in_process
from visop.images.formats.heif import decodable
from visop.images.formats.signatures import sniff
from visop.images.orientation import orientation, turn_upright, upright_size

# Side in pixels and quality of WebP.
_FROM_SHARP_TO_SMALL = ((192, 75), (160, 60), (128, 50), (112, 35), (96, 30), (96, 15), (80, 10), (64, 10), (64, 1))

# Of a picture whose header is read; four times as many if it is a JPEG that may be reduced.
_MOST_PIXELS = 67_000_000


def size_of(data: bytes) -> tuple[int, int]:
    """Read width and height in pixels, upright, from the header of a picture that was accepted before.

    Returns (0, 0) if it cannot: a custom operator may accept formats that visop does not read, and a remote operator
    may accept pictures that are too large here.
    """
    kind = sniff(data)
    if kind not in FORMATS or not decodable((kind,)):
        return 0, 0
    prepare_pillow(_MOST_PIXELS)
    with suppress(Exception), Image.open(io.BytesIO(data), formats=(kind,)) as picture:
        return upright_size(picture, data)
    return 0, 0


def thumbnail(data: bytes, limits: ImageLimits, side: int) -> Image.Image:
    """Make a small RGB picture, upright, with neither side above ``side`` pixels.

    Raises:
        VisopError: ``data`` is not an image within the limits.
    """
    picture = Image.fromarray(decode_in_process(data, limits, decode_side=side))
    picture.thumbnail((side, side), Image.Resampling.BILINEAR)
    return picture


def data_uri(data: bytes, limits: ImageLimits, side: int) -> str:
    """Make a thumbnail as a ``data:`` URI, for a page without other files. Raises as ``thumbnail`` does."""
    file = io.BytesIO()
    thumbnail(data, limits, side).save(file, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def webp_within(data: bytes, limits: ImageLimits, most_bytes: int) -> bytes:
    """Make a thumbnail as a WebP file that is no larger than this, if it can be: sharper the more it may have.

    Raises as ``thumbnail`` does.
    """
    sides, qualities = zip(*_FROM_SHARP_TO_SMALL, strict=True)
    picture = thumbnail(data, limits, sides[0])
    for side, quality in zip(sides, qualities, strict=True):
        picture.thumbnail((side, side), Image.Resampling.BILINEAR)
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=quality)
        if file.tell() <= most_bytes:
            break
    return file.getvalue()


def as_file(picture: Any) -> bytes:
    """Encode a Pillow image, or a uint8 array (H, W), (H, W, 3) or (H, W, 4), as a PNG file, which is lossless.

    It becomes what a browser would show of the file of the image: in sRGB, on white, upright.

    Raises:
        InvalidInput: ``picture`` is neither.
        ImageDecodeError: it is grey of more than 16 bits, of which nothing says what is white.
    """
    if not isinstance(picture, Image.Image):
        array = np.asarray(picture)
        if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
            raise InvalidInput(
                f"an array of shape {array.shape} and {array.dtype}: must be (height, width, 3) uint8, RGB"
            )
        picture = Image.fromarray(array)
    picture.load()
    shown = appearance(picture, picture.info.get("icc_profile"))
    file = io.BytesIO()
    turn_upright(shown, orientation(picture)).save(file, "PNG", compress_level=1, icc_profile=None)
    return file.getvalue()
