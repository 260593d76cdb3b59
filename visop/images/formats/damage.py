"""Refuse damaged files that Pillow would decode as if they were whole: half a picture is no picture.

What can be checked depends on the format. ``check_bytes`` is for the file, before Pillow sees it, ``load`` in place of
Pillow's ``load``.
"""

from __future__ import annotations

from typing import Any

import PIL.Image

from visop.images.formats.avif import check_avif, check_heif
from visop.images.formats.bmp import check_bmp
from visop.images.formats.gif import load_gif
from visop.images.formats.jpeg import load_jpeg
from visop.images.formats.limits import MeteredFile
from visop.images.formats.png import check_png, check_rows
from visop.images.formats.tails import load_to_the_end
from visop.images.formats.tiff_strips import check_strips


def check_bytes(data: bytes, kind: str, max_pixels: int) -> bytes:
    """Check a file as far as its format lets one check it without decoding.

    Args:
        data: the file.
        kind: its format, as ``formats.sniff`` says.
        max_pixels: the limit on width x height, for formats whose header does not bind the decoder.

    Returns:
        What is to be decoded: the file, without the parts that nobody needs if they are damaged.

    Raises:
        ImageDecodeError: it is damaged.
        ImageTooLarge: its coded picture has too many pixels.
    """
    if kind == "PNG":
        return check_png(data)
    if kind == "AVIF":
        check_avif(data, max_pixels)
    if kind == "HEIF":
        check_heif(data)
    return data


def load(image: Any, data: bytes) -> None:
    """Decode the pixels of an opened Pillow image, and check what can be checked only then.

    Args:
        image: a ``PIL.ImageFile.ImageFile``, perhaps after ``draft``.
        data: the file that it was opened from.

    Raises:
        ImageDecodeError: it is damaged.
    """
    match image.format:
        case "JPEG" | "MPO":
            load_jpeg(image, data)
        case "GIF":
            load_gif(image, data)
        case "PNG":
            image.load()
            check_rows(image, data)
        case "TIFF":
            check_strips(image, data)
            image.load()
        case "BMP":
            check_bmp(image, data)
            image.load()
        case _:  # WEBP, AVIF, HEIF
            load_to_the_end(image, data, lambda file: PIL.Image.open(MeteredFile(file), formats=(image.format,)))
