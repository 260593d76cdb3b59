"""Find out how a picture lies in its file, and turn it upright (CIPA DC-008, Orientation).

Only Exif counts, as in browsers; an orientation in XMP does not. A PNG may have its Exif after the pixels.
"""

from __future__ import annotations

import PIL.Image
from PIL import ExifTags

from visop.images.formats.limits import check_exif
from visop.images.formats.png_chunks import find_chunk

_UPRIGHT = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}

# Orientations with width and height swapped.
_ON_ITS_SIDE = (5, 6, 7, 8)


def orientation(image: PIL.Image.Image, data: bytes | None = None) -> int:
    """Return the orientation of an opened picture, 1 (upright) to 8.

    A TIFF is always 1: Pillow counts its size upright when it opens it, and turns it when it loads it.

    Args:
        image: opened, loaded or not.
        data: its file, in which a PNG may have its Exif after the pixels; without it, a PNG has to be loaded.

    Raises:
        ImageTooLarge: the Exif is implausibly large.
    """
    if image.format == "TIFF":
        return 1
    exif = image.info.get("exif") or b""
    if image.format == "PNG" and data is not None:
        exif = find_chunk(data, b"eXIf")
    check_exif(exif)
    try:
        record = PIL.Image.Exif()
        record.load(exif)
        value = record.get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - Exif is often malformed; the picture is then used as stored
        return 1
    return value if isinstance(value, int) else 1


def upright_size(image: PIL.Image.Image, data: bytes) -> tuple[int, int]:
    """Return width and height of an opened picture when it is turned upright. Raises as ``orientation`` does."""
    width, height = image.size
    return (height, width) if orientation(image, data) in _ON_ITS_SIDE else (width, height)


def turn_upright(picture: PIL.Image.Image, value: int) -> PIL.Image.Image:
    """Turn a picture with this orientation upright; a value that means nothing leaves it as it is."""
    turn = _UPRIGHT.get(value)
    return picture if turn is None else picture.transpose(turn)
