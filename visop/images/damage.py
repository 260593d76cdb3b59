"""Refuse damaged files that Pillow would decode as if they were whole: half a picture is no picture.

What can be checked depends on the format. ``check_bytes`` is for the file, before Pillow sees it, ``load`` in place of
Pillow's ``load``.
"""

from __future__ import annotations

from typing import Any

import PIL.Image

from visop.images.bmp import check_bmp
from visop.images.gif import load_gif
from visop.images.jpeg import load_jpeg
from visop.images.limits import MeteredFile
from visop.images.png import check_png, check_rows
from visop.images.tails import check_tail
from visop.images.tiff_strips import check_strips


def check_bytes(data: bytes, kind: str | None) -> bytes:
    """Check a file as far as its format lets one check it without decoding.

    Args:
        data: the file.
        kind: its format, as ``formats.sniff`` says.

    Returns:
        What is to be decoded: the file, without the parts that nobody needs if they are damaged.

    Raises:
        ImageDecodeError: it is damaged.
    """
    return check_png(data) if kind == "PNG" else data


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
        case _:
            image.load()
            check_tail(image, data, lambda file: PIL.Image.open(MeteredFile(file), formats=(image.format,)))
