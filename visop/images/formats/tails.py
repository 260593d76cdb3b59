"""Find out whether the pixels of a WebP, AVIF or HEIF end where its coded data do: these formats have no checksum.

Arithmetic coding never fails: behind a damaged byte the decoder goes on with pixels that nobody saw, and nearly always
needs fewer bytes than there are. So the file is decoded a second time with other bytes at its end: of a whole picture,
they change the last pixels.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from typing import Any

from visop.errors import ImageDecodeError
from visop.images.formats.boxes import find_pictures
from visop.images.formats.webp import coded_pixels, is_end_needed

# Enough to change a pixel: less than that can be filling, and its value matter to none. Of 600 WebPs of all sizes and
# qualities none needed more than 5, and a lossless one tells when its data end early.
_TAIL = {"AVIF": 16, "HEIF": 16, "WEBP": 8}

# HEVC codes blocks of 8 x 8 or more, of which the last can be nearly invisible. Then the tail is so long that the whole
# of it finds room, at any quality: so many times what a block of 16 x 16 takes on average, or so many bytes.
_BLOCK_SIDE = 16
_EDGE_BLOCKS, _LEAST_EDGE = 3, 96

# Encoders of HEVC fill smaller pictures up to this size, with pixels that nobody sees.
_LEAST_HEIF_SIDE = 64

_STRIP_ROWS = 64


def load_to_the_end(image: Any, data: bytes, reopen: Callable[[bytes], Any]) -> None:
    """Decode an opened image, in place of its ``load``, and compare it with the file with other bytes at its end.

    The other is decoded first and only its checksum kept, so that one picture is in memory at a time. What is
    transparent hides its pixels, so that nothing can be said about it, and it is decoded once.

    Args:
        image: opened and not loaded.
        data: the file.
        reopen: opens a file as the image was opened.

    Raises:
        ImageDecodeError: the last bytes do not matter.
    """
    tail = _tail(data, image.size, image.format)
    other = _checksum_of(_altered(data, *tail), reopen) if tail and not image.has_transparency_data else None
    image.load()
    if other is None or other != _checksum(image) or image.has_transparency_data:
        return
    if image.format != "WEBP" or not is_end_needed(data, _TAIL["WEBP"], lambda file: _checksum_of(file, reopen)):
        raise ImageDecodeError(f"image is a damaged {image.format}: its compressed data are corrupt")


def _altered(data: bytes, start: int, end: int) -> bytes:
    return data[:start] + bytes(each ^ 0xFF for each in data[start:end]) + data[end:]


def _checksum_of(data: bytes, reopen: Callable[[bytes], Any]) -> int | None:
    """Return the checksum of the pixels of a file, None if it cannot be decoded."""
    try:
        with reopen(data) as image:
            image.load()
            return _checksum(image)
    except Exception:  # noqa: BLE001 - a decoder may fail in any way
        return None


def _checksum(image: Any) -> int:
    value = 0
    for top in range(0, image.height, _STRIP_ROWS):
        strip = image.crop((0, top, image.width, min(image.height, top + _STRIP_ROWS)))
        value = zlib.crc32(strip.tobytes(), value)
    return value


def _tail(data: bytes, picture: tuple[int, int], kind: str) -> tuple[int, int] | None:
    """Return start and end of the bytes that decide about the last pixels; None if that is not known."""
    start, end = coded_pixels(data)[1:] if kind == "WEBP" else find_pictures(data).main or (0, 0)
    if start == end or (kind == "HEIF" and min(picture) < _LEAST_HEIF_SIDE):
        return None
    size = _TAIL[kind]
    if kind == "HEIF" and any(side % _BLOCK_SIDE for side in picture):
        count = math.prod(-(-side // _BLOCK_SIDE) for side in picture)
        size = max(_LEAST_EDGE, _EDGE_BLOCKS * (end - start) // count)
    return max(start, end - size), end
