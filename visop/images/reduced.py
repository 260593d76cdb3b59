"""Decode a JPEG at a reduced scale, and check how many pixels are held in memory for it."""

from __future__ import annotations

from typing import Any

from visop.errors import ImageTooLarge
from visop.images.formats.jpeg_segments import is_decoded_row_by_row
from visop.images.formats.limits import check_header

# How many times the limit on pixels a picture may have of which only reduced rows are held: at four times the limit of
# 67 million, pictures of phones with 200 megapixels, which take a second.
MAX_REDUCTION = 4


def reduce(image: Any, data: bytes, max_pixels: int, decode_side: int | None) -> None:
    """Check the header of an opened picture, and let Pillow reduce it as long as both sides keep ``decode_side``.

    A JPEG whose rows are reduced one after another is measured by what is left of it. A progressive one is not: all its
    coefficients are kept until the last scan.

    Raises:
        ImageTooLarge: the picture has too many pixels.
        ImageDecodeError: its compression is not decoded.
    """
    if decode_side is None:
        check_header(image, max_pixels)
        return
    if image.format not in ("JPEG", "MPO") or not is_decoded_row_by_row(data):
        check_header(image, max_pixels)
    pixels = image.width * image.height
    image.draft(None, (decode_side, decode_side))
    if pixels > MAX_REDUCTION * max_pixels:
        raise ImageTooLarge(f"image has {pixels:,} pixels, the limit is {max_pixels:,} (OP_MAX_PIXELS)")
    check_header(image, max_pixels)
