"""Have Pillow read the alpha of a BMP of 16 bits, which it leaves out."""

from __future__ import annotations

from struct import Struct
from typing import Any

# The parts of a version 3 to 5 header that name its length, its bits and compression, and its mask of alpha
# (BITMAPV4HEADER in wingdi.h), by their place in the file.
_HEADER_BYTES, _BITS_AND_COMPRESSION, _ALPHA_MASK = 14, 28, 66
_WITH_ALPHA_MASK = 56
_LONG, _SHORT_AND_LONG = Struct("<L"), Struct("<HL")
_BIT_FIELDS = 3
_HIGHEST_BIT = 0x8000


def prepare_bmp(image: Any, data: bytes) -> None:
    """Change how an opened BMP will be loaded if the highest of its 16 bits is alpha."""
    if len(data) < _ALPHA_MASK + _LONG.size or _LONG.unpack_from(data, _HEADER_BYTES)[0] < _WITH_ALPHA_MASK:
        return
    (mask,) = _LONG.unpack_from(data, _ALPHA_MASK)
    if _SHORT_AND_LONG.unpack_from(data, _BITS_AND_COMPRESSION) != (16, _BIT_FIELDS) or mask != _HIGHEST_BIT:
        return
    image._mode = "RGBA"  # as Pillow's readers do
    image.tile = [tile._replace(args=("BGRA;15", *tile.args[1:])) for tile in image.tile]
