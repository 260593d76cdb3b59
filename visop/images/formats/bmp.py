"""Check a BMP, which has neither compression nor a checksum."""

from __future__ import annotations

from typing import Any

from visop.errors import ImageDecodeError
from visop.images.formats.zeros import Rows, has_torn_zeros


def check_bmp(image: Any, data: bytes) -> None:
    """Check an opened BMP, before it is decoded.

    Raises:
        ImageDecodeError: the pixels end early, or zeros took the place of some.
    """
    (_, _, begin, (_, stride, _)) = image.tile[0]
    end = begin + stride * image.height
    if len(data) < end:
        raise ImageDecodeError("image is a damaged BMP: its pixels end early")
    if has_torn_zeros(data, Rows(begin, end, stride, max(1, stride // image.width))):
        raise ImageDecodeError("image is a damaged BMP: a part of its pixels is zeros")
