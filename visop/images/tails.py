"""Find out whether the pixels of a WebP, AVIF or HEIF end where its coded data do: these formats have no checksum.

Arithmetic coding never fails: behind a damaged byte the decoder goes on with pixels that nobody saw, and nearly always
needs fewer bytes than there are. So the file is decoded a second time with other bytes at its end: of a whole picture,
they change the last pixels.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from visop.errors import ImageDecodeError
from visop.images.boxes import find_pictures

# Enough to change a pixel: less than that can be filling, and its value matter to none.
_TAIL = 8

_STRIP_ROWS = 64


def load_to_the_end(image: Any, data: bytes, reopen: Callable[[bytes], Any]) -> None:
    """Decode an opened image, in place of its ``load``, and compare it with the file with other bytes at its end.

    The other is decoded first and only its checksum kept, so that one picture is in memory at a time.

    Args:
        image: opened and not loaded.
        data: the file.
        reopen: opens a file as the image was opened.

    Raises:
        ImageDecodeError: the last bytes do not matter.
    """
    end = _end_of_pixels(data)
    other = None if end is None or end < _TAIL else _checksum_of(_altered(data, end), reopen)
    image.load()
    if other == _checksum(image):
        raise ImageDecodeError(f"image is a damaged {image.format}: its compressed data are corrupt")


def _altered(data: bytes, end: int) -> bytes:
    tail = bytes(each ^ 0xFF for each in data[end - _TAIL : end])
    return data[: end - _TAIL] + tail + data[end:]


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


def _end_of_pixels(data: bytes) -> int | None:
    if data[:4] == b"RIFF":
        return _end_of_webp(data, 12, len(data))
    where = find_pictures(data).main
    return where[1] if where else None


def _end_of_webp(data: bytes, start: int, end: int) -> int | None:
    """Return where the pixels of the first frame end (RFC 9649, section 2.7)."""
    while start + 8 <= end:
        kind, size = data[start : start + 4], int.from_bytes(data[start + 4 : start + 8], "little")
        if kind in (b"VP8 ", b"VP8L"):
            return min(end, start + 8 + size)
        if kind == b"ANMF":  # a frame: 16 bytes of header, and chunks of its own
            return _end_of_webp(data, start + 24, min(end, start + 8 + size))
        start += 8 + size + size % 2
    return None
