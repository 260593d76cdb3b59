"""Find zeros and bytes of 255 that took the place of pixels in files without compression, whose format has no checksum.

A disk that lost a sector and a download that was never finished leave zeros, erased flash memory bytes of 255. They are
legal pixels, mostly black or white, so only their outline tells them from such a part of the picture: the rest of one
row and the rows below it, where the pixels above and to the left are others. Bars, frames and backgrounds do not begin
like this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from visop.images.formats.rows import Rows

# So many equal bytes, as in a row of a tile of 16 pixels, are nothing unusual in one plane of a picture.
_LEAST_STRIDE = 64

_MAX_FILLED_SHARE = 0.1

# How much the nearest pixels differ at least from the filler, which they could fade into by themselves.
_CONTRAST = {0: 16, 255: 64}
_NEAR = 8

# The corners of a window can be rounded by so many pixels without a trace in the row before.
_CORNER = 4


def has_torn_filler(data: bytes, rows: Rows, value: int) -> bool:
    """Return whether a row's length or more of bytes of one value, 0 or 255, begins or ends within a row, abruptly."""
    if rows.stride < _LEAST_STRIDE:
        return False
    others = re.compile(b"[^" + re.escape(bytes([value])) + b"]")
    stop = rows.begin
    for place in _candidates(data, rows, value):
        start = data.find(bytes([value]) * rows.stride, max(stop, place - rows.stride), place + 2 * rows.stride)
        if start < 0 or place < stop:
            continue
        found = others.search(data, start, rows.end)
        stop = found.start() if found else rows.end
        if _is_torn(data, rows, start, start - rows.stride, value) or _is_torn(data, rows, stop, stop, value):
            return True
    return False


def _candidates(data: bytes, rows: Rows, value: int) -> Iterator[int]:
    """Yield positions with this value, half a row before another: in every row's length of filler are two at least."""
    step = rows.stride // 2
    filled = np.frombuffer(data, np.uint8)[rows.begin : rows.end : step] == value
    yield from (rows.begin + step * np.flatnonzero(filled[:-1] & filled[1:])).tolist()


def _is_torn(data: bytes, rows: Rows, edge: int, beside: int, value: int) -> bool:
    """Whether an edge of filler lies within a row, and the row's length of bytes beside it is a picture.

    That are the rest of one row and the beginning of the next, which are looked at one by one: a frame is at the end of
    the one and at the beginning of the other.
    """
    column = (edge - rows.begin) % rows.stride
    row = np.frombuffer(data[max(rows.begin, beside) : min(rows.end, beside + rows.stride)], np.uint8) ^ np.uint8(value)
    corner = _CORNER * rows.pixel
    if not corner <= column <= rows.stride - rows.padding - corner or row.size < rows.stride:
        return False
    parts = row[: rows.stride - column - rows.padding], row[rows.stride - column :]
    ends = row[:_NEAR], row[-_NEAR:]
    return all(_is_picture(part, rows.pixel) for part in parts) and all(end.max() >= _CONTRAST[value] for end in ends)


def _is_picture(values: npt.NDArray[np.uint8], pixel: int) -> bool:
    count = max(1, values.size // pixel)
    return bool(values[: count * pixel].reshape(count, -1).any(axis=1).mean() >= 1 - _MAX_FILLED_SHARE)
