"""Find out whether the pixels of a WebP, AVIF or HEIF end where its coded data do: these formats have no checksum.

Arithmetic coding never fails: behind a damaged byte the decoder goes on with pixels that nobody saw, and nearly always
needs fewer bytes than there are. So the file is decoded a second time with other bytes at its end: of a whole picture,
they change the last pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from visop.errors import ImageDecodeError
from visop.images.boxes import main_picture

# Enough to change a pixel: less than that can be filling, and its value matter to none.
_TAIL = 8


def check_tail(image: Any, data: bytes, reopen: Callable[[bytes], Any]) -> None:
    """Compare a decoded image with one that is decoded from the file with other bytes at its end.

    Args:
        image: the image, loaded.
        data: the file.
        reopen: opens a file as the image was opened.

    Raises:
        ImageDecodeError: the last bytes do not matter.
    """
    end = _end_of_pixels(data)
    if end is None or end < _TAIL:
        return
    altered = bytes(each ^ 0xFF for each in data[end - _TAIL : end])
    try:
        with reopen(data[: end - _TAIL] + altered + data[end:]) as other:
            other.load()
            same = other.size == image.size and other.tobytes() == image.tobytes()
    except Exception:  # noqa: BLE001 - a decoder may fail in any way
        return
    if same:
        raise ImageDecodeError(f"image is a damaged {image.format}: its compressed data are corrupt")


def _end_of_pixels(data: bytes) -> int | None:
    if data[:4] == b"RIFF":
        return _end_of_webp(data, 12, len(data))
    where = main_picture(data)
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
