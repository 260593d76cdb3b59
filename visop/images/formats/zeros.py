"""Find zeros that took the place of pixels in files without compression, whose format has no checksum.

A disk that lost a sector and a download that was never finished leave zeros. They are legal pixels, mostly black, so
only their outline tells them from a black part of the picture: the rest of one row and the rows below it, where the
pixels above and to the left are not black. Black bars, frames and backgrounds do not begin like this.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

_NOT_ZERO = re.compile(rb"[^\0]")

# So many zeros, as in a row of a tile of 16 pixels, are nothing unusual in one plane of a picture.
_LEAST_STRIDE = 64

_MAX_BLACK_SHARE = 0.1
# What is as dark as this could fade into black by itself.
_DARK = 16
_NEAR = 8


@dataclass(frozen=True)
class Rows:
    """Where the pixels of a file are that lie row after row without compression.

    Attributes:
        begin: position of the first byte.
        end: position behind the last one.
        stride: bytes from one row to the next, of which the last 3 may be padding.
        pixel: bytes of a pixel, at least 1.
    """

    begin: int
    end: int
    stride: int
    pixel: int


def has_torn_zeros(data: bytes, rows: Rows) -> bool:
    """Return whether a row's length of zeros or more begins or ends within a row, abruptly."""
    if rows.stride < _LEAST_STRIDE:
        return False
    row = bytes(rows.stride)
    start = data.find(row, rows.begin, rows.end)
    while start >= 0:
        found = _NOT_ZERO.search(data, start, rows.end)
        stop = found.start() if found else rows.end
        if _is_torn(data, rows, start, start - rows.stride) or _is_torn(data, rows, stop, stop):
            return True
        start = data.find(row, stop, rows.end)
    return False


def _is_torn(data: bytes, rows: Rows, edge: int, beside: int) -> bool:
    """Whether an edge of zeros lies within a row, and the row's length of bytes beside it is a picture.

    That are the rest of one row and the beginning of the next, which are looked at one by one: a black frame is at the
    end of the one and at the beginning of the other.
    """
    column = (edge - rows.begin) % rows.stride
    pixels = np.frombuffer(data[max(rows.begin, beside) : min(rows.end, beside + rows.stride)], np.uint8)
    if not 0 < column < rows.stride - 3 or pixels.size < rows.stride:
        return False
    parts = pixels[: rows.stride - column], pixels[rows.stride - column :]
    ends = pixels[:_NEAR], pixels[-_NEAR:]
    return all(_is_picture(part, rows.pixel) for part in parts) and all(end.max() >= _DARK for end in ends)


def _is_picture(values: np.ndarray[tuple[int], np.dtype[np.uint8]], pixel: int) -> bool:
    count = max(1, values.size // pixel)
    return bool(values[: count * pixel].reshape(count, -1).any(axis=1).mean() >= 1 - _MAX_BLACK_SHARE)
