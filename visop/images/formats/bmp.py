"""Check a BMP, which has neither compression nor a checksum."""

from __future__ import annotations

from typing import Any

from visop.errors import ImageDecodeError
from visop.images.formats.overwritten import replacement
from visop.images.formats.rows import Rows

# Bytes of a pixel with 8 bits a sample, by mode.
_PIXELS = {"L": (1,), "RGB": (3, 4), "RGBA": (4,)}


def check_bmp(image: Any, data: bytes) -> None:
    """Check an opened BMP, before it is decoded.

    Raises:
        ImageDecodeError: the pixels end early, or something else took the place of some.
    """
    (_, _, begin, (_, stride, _)) = image.tile[0]
    end = begin + stride * image.height
    if len(data) < end:
        raise ImageDecodeError("image is a damaged BMP: its pixels end early")
    rows = Rows(begin, end, stride, *_pixel_and_padding(stride, image.width))
    what = replacement(data, rows, is_smooth=rows.pixel in _PIXELS.get(image.mode, ()))
    if what:
        raise ImageDecodeError(f"image is a damaged BMP: a part of its pixels is {what}")


def _pixel_and_padding(stride: int, width: int) -> tuple[int, int]:
    """Return the bytes of a pixel, at least 1, and those that fill a row up to a multiple of 4."""
    pixel = next((size for size in (4, 3, 2, 1) if 0 <= stride - size * width < 4), 0)
    return max(1, pixel), stride - pixel * width if pixel else 0
