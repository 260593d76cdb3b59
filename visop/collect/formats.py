"""The names of image formats: file extensions, media types and Pillow's names."""

from __future__ import annotations

from visop.images.formats.signatures import sniff

_EXTENSIONS = {
    "AVIF": ".avif",
    "BMP": ".bmp",
    "GIF": ".gif",
    "HEIF": ".heic",
    "JPEG": ".jpg",
    "PNG": ".png",
    "TIFF": ".tif",
    "WEBP": ".webp",
}

#: Pictures that browsers show and this project does not decode; to meet one is no failure.
NOT_DECODED = frozenset(
    {
        "image/apng",
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
    """The extension of an image file, by its content; empty if it is of no format that is known.

    Args:
        data: a file that ``visop.images.decode`` has decoded.
    """
    return _EXTENSIONS.get(sniff(data) or "", "")
