"""What a browser is told that a file is, by its first bytes."""

from __future__ import annotations

from visop.images.formats.signatures import sniff

# The format of a file -> the media type that a browser is told, and the suffix of an upload. Files of any other format
# are downloads: an SVG may hold a script.
_MEDIA_TYPES = {
    "JPEG": ("image/jpeg", ".jpg"),
    "PNG": ("image/png", ".png"),
    "GIF": ("image/gif", ".gif"),
    "WEBP": ("image/webp", ".webp"),
    "BMP": ("image/bmp", ".bmp"),
    "TIFF": ("image/tiff", ".tiff"),
    "AVIF": ("image/avif", ".avif"),
    "HEIF": ("image/heic", ".heic"),
}
_DOWNLOAD = ("application/octet-stream", "")


def media_type_of(data: bytes) -> str:
    """The media type of a file, from its first bytes, as ``sniff`` takes them."""
    return _MEDIA_TYPES.get(sniff(data) or "", _DOWNLOAD)[0]


def suffix_of(data: bytes) -> str:
    """The suffix for a file, such as ``.jpg``, from its first bytes; empty if its kind is unknown."""
    return _MEDIA_TYPES.get(sniff(data) or "", _DOWNLOAD)[1]
