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

_MAX_FLAT_RANGE = 16

# So many pixels of an edge are compared with those a row away from it.
_FADING = 8

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
        if _is_torn(data, rows, start, -1, value) or _is_torn(data, rows, stop, 1, value):
            return True
    return False


def _candidates(data: bytes, rows: Rows, value: int) -> Iterator[int]:
    """Yield positions with this value, half a row before another: in every row's length of filler are two at least."""
    step = rows.stride // 2
    filled = np.frombuffer(data, np.uint8)[rows.begin : rows.end : step] == value
    yield from (rows.begin + step * np.flatnonzero(filled[:-1] & filled[1:])).tolist()


def _is_torn(data: bytes, rows: Rows, edge: int, step: int, value: int) -> bool:
    """Whether an edge of filler lies within a row, and the row's length of bytes beside it is a picture.

    That are the rest of one row and the beginning of the next, which are looked at one by one: a frame is at the end of
    the one and at the beginning of the other.

    Args:
        data: the file.
        rows: where its pixels are.
        edge: where the filler begins or ends.
        step: -1 if it begins there, 1 if it ends.
        value: the filler.
    """
    column = (edge - rows.begin) % rows.stride
    start = edge - rows.stride if step < 0 else edge
    row, other = (_row(data, rows, place, value) for place in (start, start + step * rows.stride))
    corner = _CORNER * rows.pixel
    if not corner <= column <= rows.stride - rows.padding - corner or row.size < rows.stride:
        return False
    parts = row[: rows.stride - column - rows.padding], row[rows.stride - column :]
    ends = row[:_NEAR], row[-_NEAR:]
    return (
        all(_is_picture(part, rows.pixel) for part in parts)
        and all(end.max() >= _CONTRAST[value] for end in ends)
        and not _is_flat(row, rows.pixel)
        and not _fades(row[::step], other[::step], rows.pixel)
    )


def _row(data: bytes, rows: Rows, start: int, value: int) -> npt.NDArray[np.uint8]:
    """Return by how much a row's length of bytes differs from the filler."""
    part = data[max(rows.begin, start) : max(rows.begin, min(rows.end, start + rows.stride))]
    return np.frombuffer(part, np.uint8) ^ np.uint8(value)


def _is_flat(values: npt.NDArray[np.uint8], pixel: int) -> bool:
    """Whether a row has one colour, as in a drawing, whose shapes can have any outline."""
    pixels = values[: values.size // pixel * pixel].reshape(-1, pixel)
    return bool(np.ptp(pixels, axis=0).max() <= _MAX_FLAT_RANGE)


def _fades(row: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8], pixel: int) -> bool:
    """Whether the first pixels are much nearer to the filler, in a channel, than those of the row beyond.

    So ends a picture with a smooth edge that is tilted a little.
    """
    if other.size < row.size:
        return False
    near, beyond = (each[: _FADING * pixel].reshape(-1, pixel).mean(axis=0) for each in (row, other))
    return bool(((near < beyond / 2) & (beyond >= _MAX_FLAT_RANGE)).any())


def _is_picture(values: npt.NDArray[np.uint8], pixel: int) -> bool:
    count = max(1, values.size // pixel)
    return bool(values[: count * pixel].reshape(count, -1).any(axis=1).mean() >= 1 - _MAX_FILLED_SHARE)
