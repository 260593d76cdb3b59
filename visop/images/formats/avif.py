"""Check the coded pictures of an AVIF before libavif decodes them, and of a HEIF."""

from __future__ import annotations

from PIL import AvifImagePlugin

from visop.errors import ImageDecodeError, ImageTooLarge
from visop.images.formats.av1 import largest_size
from visop.images.formats.boxes import CodedPictures, find_pictures

# The server decodes as many pictures at once as there are cores.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

# Coded pictures have no long run of zeros: those of AV1 are below 8 in practice, HEVC forbids more than 2. Nor has
# arithmetic coding long runs of bytes of 255, which erased flash memory holds.
_FILLERS = {bytes(64): "zeros", b"\xff" * 64: "bytes of 255"}


def check_avif(data: bytes, max_pixels: int) -> None:
    """Check the size of the coded pictures, which the header need not tell, and look for what filled their place.

    Raises:
        ImageTooLarge: one has too many pixels.
        ImageDecodeError: a part of the main picture is zeros or bytes of 255, or there are implausibly many pieces.
    """
    pictures = find_pictures(data)
    for start, end in pictures.starts:
        width, height = largest_size(data, start, end) or (0, 0)
        if width * height > max_pixels:
            raise ImageTooLarge(f"image has {width * height:,} pixels, the limit is {max_pixels:,} (OP_MAX_PIXELS)")
    _check_fillers(data, pictures, "AVIF")


def check_heif(data: bytes) -> None:
    """Look for what filled the place of the main picture; libheif checks sizes itself. Raises ImageDecodeError."""
    _check_fillers(data, find_pictures(data), "HEIF")


def _check_fillers(data: bytes, pictures: CodedPictures, kind: str) -> None:
    for filler, name in _FILLERS.items():
        if pictures.main and data.find(filler, *pictures.main) >= 0:
            raise ImageDecodeError(f"image is a damaged {kind}: a part of its pixels is {name}")
