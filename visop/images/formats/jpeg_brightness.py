"""Find blocks of a JPEG that are brighter than white or darker than black.

A damaged code for the mean of a block, which is told by its difference from the one before, moves all blocks behind it.
libjpeg cuts off at white and black what no encoder writes, and warns of nothing. So the means are decoded at half of
their contrast, where nothing is cut off.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from visop.images.formats.jpeg_segments import FRAMES, QUANTISERS, START_OF_SCAN, segments

_MIDDLE = 128
# How far from the middle means of pixels are, and how many steps beyond that encoders put them: half a step by
# rounding, and some one more, to save bytes. What mozjpeg makes brighter against ringing does not change the mean.
_MOST, _STEPS = 128, 2
_STEP = 8  # of a quantiser of 1, of which 8 x 8 pixels are a level
_ROUNDING = 1


def with_half_contrast(data: bytes) -> tuple[bytes, float] | None:
    """Halve the first quantiser of luminance, which is that of the means.

    Returns:
        The JPEG, and how far from the middle its luminance is at most if nothing is damaged, to be decoded at an eighth
        of its size; None if that cannot be told, as in a picture of the highest quality.
    """
    tables: dict[int, int] = {}
    used = None
    for kind, at in segments(data):
        if kind in FRAMES:
            used = data[at + 10] if data[at + 7] in (1, 3) else None  # no grey is made of CMYK
        elif kind == START_OF_SCAN:
            break
        elif kind == QUANTISERS:
            tables |= _first_quantisers(data, at + 2, at + int.from_bytes(data[at : at + 2]))
    place = tables.get(used) if used is not None else None
    if place is None or data[place] < 2:
        return None
    half = data[place] // 2
    most = (_MOST / data[place] + _STEPS / _STEP) * half + _ROUNDING
    return data[:place] + bytes([half]) + data[place + 1 :], most


def is_beyond(grey: npt.NDArray[np.uint8], most: float) -> bool:
    """Whether the luminance of a JPEG with half contrast is farther from the middle than can be."""
    return bool(grey.max() > _MIDDLE + most or grey.min() < _MIDDLE - most)


def _first_quantisers(data: bytes, start: int, end: int) -> dict[int, int]:
    """Return where the first quantiser of every table of 8 bits is, by the number of the table (T.81, B.2.4.1)."""
    places = {}
    while start < end:
        bits_16, table = data[start] >> 4, data[start] & 15
        if not bits_16:
            places[table] = start + 1
        start += 1 + 64 * (1 + min(bits_16, 1))
    return places
