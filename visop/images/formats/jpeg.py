"""Decode a JPEG strictly. libjpeg fills what is missing or corrupt with grey and warns; Pillow drops the warnings.

simplejpeg calls the same library (libjpeg-turbo), gives the same pixels, and raises its first warning as an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import simplejpeg

from visop.errors import ImageDecodeError
from visop.images.formats.jpeg_brightness import is_beyond, with_half_contrast
from visop.images.formats.jpeg_seams import may_have_seam
from visop.images.formats.jpeg_segments import (
    MARKER,
    START_OF_SCAN,
    has_all_scans,
    has_end,
    has_zero_quantisers,
    segments,
)

_END_OF_IMAGE = b"\xff\xd9"

# Pillow's modes in the words of simplejpeg.
_COLOUR_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}

# How many bytes libjpeg reads ahead; it does not count those of them that are left over.
_READ_AHEAD = 8

_CORRUPT = "its compressed data are corrupt"

_JFIF, _JFIF_VERSION = b"JFIF\0", slice(11, 12)


def load_jpeg(image: Any, data: bytes) -> None:
    """Decode a JPEG into an opened image, in place of its ``load``.

    What does no harm is tolerated: an end mark that is missing, and zeros between the picture and its end mark, as some
    cameras write.

    Args:
        image: a ``PIL.JpegImagePlugin.JpegImageFile`` or an MPO, opened, perhaps after ``draft``; it is changed.
        data: the file.

    Raises:
        ImageDecodeError: the compressed data are corrupt, end early or do not fit the size of the picture.
    """
    if has_zero_quantisers(data):
        raise _damaged("its tables are corrupt")
    if not has_all_scans(data):
        raise _damaged("some of its scans are missing")
    pixels = _decode(data, _COLOUR_SPACES[image.mode], image.size)
    if pixels is None:
        image.load()
        return
    if image.mode != "CMYK" and may_have_seam(pixels, data) and _is_out_of_range(data):
        raise _damaged(_CORRUPT)
    rawmode = image.tile[0].args[0]  # CMYK is stored inverted
    image.im = PIL.Image.frombuffer(image.mode, image.size, pixels, "raw", rawmode, 0, 1).im
    image.tile = []


def is_whole_jpeg(data: bytes) -> bool:
    """Return whether a JPEG, such as a strip of a TIFF, decodes without a warning that counts."""
    try:
        if not with_half_contrast(data):
            _decode(data, "RGB", (1, 1))
        elif _is_out_of_range(data):
            return False
    except ImageDecodeError:
        return False
    return has_all_scans(data)


def _is_out_of_range(data: bytes) -> bool:
    """Whether blocks are brighter than white or darker than black. Raises ImageDecodeError if there is a warning."""
    changed = with_half_contrast(data)
    if changed is None:
        return False
    grey = _decode(changed[0], "GRAY", (1, 1))
    return grey is not None and is_beyond(grey, changed[1])


def _decode(data: bytes, colours: str, size: tuple[int, int]) -> npt.NDArray[np.uint8] | None:
    """Decode at the scale that gives this size; None if the sampling of the colours is none that simplejpeg knows."""
    data = _mended(data)
    try:
        return _pixels(data, colours, size)
    except ValueError as error:
        message = str(error)
    if "subsampling" in message:
        return None
    try:
        # Once only, since each time costs as much as the picture does.
        return _pixels(_without_padding(data, message), colours, size)
    except ValueError:
        early = "premature end" in message.lower()
        raise _damaged("its compressed data end early" if early else _CORRUPT) from None


def _pixels(data: bytes, colours: str, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Decode. Raises ValueError with the first warning of libjpeg."""
    pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(data, colours, min_width=size[0], min_height=size[1])
    return pixels


def _damaged(why: str) -> ImageDecodeError:
    return ImageDecodeError(f"image is a damaged JPEG: {why}")


def _mended(data: bytes) -> bytes:
    """Return the file with what libjpeg would warn of although it does no harm: an end mark, a version of JFIF."""
    if data[6:11] == _JFIF and data[_JFIF_VERSION] != b"\x01":
        data = data.replace(_JFIF + data[_JFIF_VERSION], _JFIF + b"\x01", 1)
    return data if has_end(data) else data + _END_OF_IMAGE


def _without_padding(data: bytes, warning: str) -> bytes:
    """Drop the bytes before the end mark that a warning is about, if they are zeros and follow few others.

    Zeros in place of pixels are decoded, too, while there is something to decode: then many precede those left over.

    Raises:
        ValueError: the warning is another one, or the bytes are no padding.
    """
    if "extraneous bytes before marker 0xd9" not in warning:
        raise ValueError(warning)
    count = int(warning.partition(":")[2].split()[0])
    scan = max(at for kind, at in segments(data) if kind == START_OF_SCAN)
    end = next(marker.start() for marker in MARKER.finditer(data, scan) if marker[0] == _END_OF_IMAGE)
    zeros = end - scan - len(data[scan:end].rstrip(b"\0"))
    if not count <= zeros <= count + _READ_AHEAD:
        raise ValueError(warning)
    return data[: end - count] + data[end:]
