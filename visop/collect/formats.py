"""The names of image formats: file extensions, media types and Pillow's names."""

from __future__ import annotations

import io

import PIL.Image

_EXTENSIONS = {
    "BMP": ".bmp",
    "GIF": ".gif",
    "JPEG": ".jpg",
    "MPO": ".jpg",  # what phones write: a JPEG with more pictures behind it
    "PNG": ".png",
    "TIFF": ".tif",
    "WEBP": ".webp",
}

#: Pictures that browsers show and this project does not decode; to meet one is no failure.
NOT_DECODED = frozenset(
    {
        "image/apng",
        "image/avif",
        "image/heic",
        "image/heif",
        "image/jxl",
        "image/svg+xml",
        "image/vnd.microsoft.icon",
        "image/x-icon",
    }
)

#: What is asked for, so that a server with a choice does not send one of those.
ACCEPT = "image/jpeg,image/png,image/webp,image/gif,image/*;q=0.5,*/*;q=0.1"


def media_type(text: str) -> str:
    """``Image/SVG+xml; charset=utf-8`` -> ``image/svg+xml``; of a data URI, its own."""
    return text.removeprefix("data:").partition(",")[0].partition(";")[0].strip().lower()


def extension(data: bytes) -> str:
    """The extension of an image file, by its content.

    Args:
        data: a file that ``visop.images.decode`` has decoded, so that its header is harmless.
    """
    with PIL.Image.open(io.BytesIO(data), formats=[name for name in _EXTENSIONS if name != "MPO"]) as image:
        return _EXTENSIONS[str(image.format)]
