"""Find out what took the place of pixels in files without compression, whose format has no checksum."""

from __future__ import annotations

from visop.images.formats.fillers import has_torn_filler
from visop.images.formats.noise import has_torn_noise
from visop.images.formats.rows import Rows

_FILLERS = {0: "zeros", 255: "bytes of 255"}


def replacement(data: bytes, rows: Rows, is_smooth: bool) -> str | None:
    """Name what took the place of some pixels: zeros, bytes of 255 or noise; None if nothing is known to have.

    Args:
        data: the file.
        rows: where its pixels are.
        is_smooth: whether a byte is a sample, so that it is near to its neighbours in an ordinary picture.
    """
    for value, name in _FILLERS.items():
        if has_torn_filler(data, rows, value):
            return name
    return "noise" if is_smooth and has_torn_noise(data, rows) else None
