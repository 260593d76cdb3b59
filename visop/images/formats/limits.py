"""Refuse small files that are built to be expensive, which neither a limit on pixels nor Pillow stops.

Every limit here is far above what ordinary files contain. With them, the worst file found takes a few seconds instead
of minutes, hours or gigabytes.
"""

from __future__ import annotations

import io
from typing import Any

from visop.errors import ImageDecodeError, ImageTooLarge
from visop.images.formats.jpeg_cost import check_jpeg
from visop.images.formats.not_decoded import not_decoded
from visop.images.formats.tiff import Tiff

# Every row has its own memory cost, and a resize needs 16 bytes per pixel of a side: 1 x 50,000,000 pixels take 1.4 GB.
# The limit is the longest side that a JPEG can have.
_MAX_SIDE = 65_535

# How often a byte sequence may occur in a file, by the first bytes of the file: (name, sequence, limit).
_MARKS = {
    b"\xff\xd8": (
        # Pillow joins all Exif segments (64 KiB each) and builds an object for every value: 0.4 s for 1 MB.
        ("Exif segments", b"Exif\0\0", 20),
        # Of the resources of Photoshop, too: 1.9 s for 18 MB. Photoshop writes some dozens.
        ("Photoshop resources", b"8BIM", 10_000),
    ),
    # A PNG colour profile can expand from 1 KB to 1 MB, in 2 ms. The format allows one profile per file.
    b"\x89PNG": (("colour profiles", b"iCCP", 10),),
}

# Values in the directories of a TIFF: two for each strip or tile, which takes up to 27 us (LZMA) whatever is in it. The
# longest side in strips of one row, or 67 megapixels in tiles of 32 x 32, need 131,000.
_MAX_TIFF_VALUES = 200_000
_TIFF_TILE_WIDTH, _TIFF_TILE_LENGTH = 322, 323

# By Pillow's names. Fax compression is excluded because its decoder writes a line to stderr for every bad row; so are
# obsolete compressions.
_TIFF_COMPRESSIONS = frozenset(
    {"raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "jpeg", "lzma", "zstd", "webp"}
)
_FAX = {"tiff_ccitt": "CCITT", "group3": "CCITT Group 3", "group4": "CCITT Group 4"}

# The counterpart of the limit on JPEG's Exif segments, for formats that store Exif in one piece.
_MAX_EXIF_BYTES = 1024 * 1024

_RUN_LENGTH_BMP = (1, 2)


class MeteredFile(io.BytesIO):
    """A file in memory with a limit on the number of reads.

    Pillow walks through segments, chunks, tags and frames in Python while holding the GIL, with one or more reads for
    each: 20 MiB of empty JPEG comments take 5 s. Ordinary files need one read per few thousand bytes; a GIF needs one
    per 128 bytes.

    Args:
        data: the content.
        slow_bytes: so many bytes at the end are read one at a time, and none of them together with one before; the
            position then tells how many of them a decoder needed.
    """

    def __init__(self, data: bytes, slow_bytes: int = 0) -> None:
        super().__init__(data)
        self._reads_left = 100_000 + len(data) // 64
        self._fast_bytes = len(data) - slow_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as ``io.BytesIO`` does. Raises ImageDecodeError once the number of reads exceeds the limit."""
        self._reads_left -= 1
        if self._reads_left < 0:
            raise ImageDecodeError("image consists of too many small pieces")
        if self._fast_bytes < len(self.getbuffer()) and size is not None and size > 0:
            size = min(size, max(1, self._fast_bytes - self.tell()))
        return super().read(size)


def check_file(data: bytes) -> None:
    """Check the raw bytes, before Pillow parses anything.

    Raises:
        ImageTooLarge: the file has too many scans, tables, profiles, Exif segments or TIFF values.
        ImageDecodeError: the file is a BigTIFF, the variant for files of over 4 GB, or has too many segments.
        struct.error: the file is a TIFF that ends within its directories.
        IndexError: the file is a JPEG that ends within its headers.
    """
    for start, marks in _MARKS.items():
        if data.startswith(start):
            for what, mark, limit in marks:
                _check_count(what, data.count(mark), limit)
    if data.startswith(b"\xff\xd8"):
        check_jpeg(data)
    if data[:2] in (b"II", b"MM"):
        if 43 in data[2:4]:
            raise not_decoded("a BigTIFF, the kind for files of over 4 GB", "save it as a plain TIFF, or as PNG")
        _check_count("TIFF values", Tiff(data).count_values(_MAX_TIFF_VALUES), _MAX_TIFF_VALUES)


def check_header(image: Any, max_pixels: int) -> None:
    """Check the header, before the pixels are decoded.

    Args:
        image: an opened ``PIL.ImageFile.ImageFile``.
        max_pixels: the limit on width x height.

    Raises:
        ImageTooLarge: the picture has too many pixels, a side is too long, or a TIFF tile is larger than the limit.
        ImageDecodeError: the compression of the TIFF or BMP is not accepted.
    """
    width, height = image.size
    if width * height > max_pixels:
        raise ImageTooLarge(f"image has {width * height:,} pixels, the limit is {max_pixels:,} (OP_MAX_PIXELS)")
    if max(width, height) > _MAX_SIDE:
        raise ImageTooLarge(f"image is {width:,} x {height:,} pixels, the limit for a side is {_MAX_SIDE:,}")
    compression = image.info.get("compression")
    if image.format == "TIFF":
        _check_tile(image.tag_v2, max_pixels)
        if compression not in _TIFF_COMPRESSIONS:
            name = f"fax compression ({_FAX[compression]})" if compression in _FAX else f"{compression} compression"
            raise not_decoded(f"a TIFF with {name}", "save it as a TIFF with LZW compression, or as PNG")
    # Pillow decodes run-length BMP in Python, pixel by pixel: 1.5 KB keep the interpreter busy for seconds.
    if image.format == "BMP" and compression in _RUN_LENGTH_BMP:
        raise not_decoded("a BMP with run-length compression", "save it without compression, or as PNG")


def check_size(data: bytes, max_bytes: int) -> None:
    """Refuse a file without content, or with more than ``max_bytes``. Raises ImageDecodeError or ImageTooLarge."""
    if not data:
        raise ImageDecodeError("image is empty")
    if len(data) > max_bytes:
        raise ImageTooLarge(f"image has {len(data):,} bytes, the limit is {max_bytes:,} (OP_MAX_IMAGE_BYTES)")


def check_exif(exif: bytes) -> None:
    """Refuse implausibly large Exif data. Raises ImageTooLarge."""
    _check_count("bytes of Exif", len(exif), _MAX_EXIF_BYTES)


def _check_tile(tags: Any, max_pixels: int) -> None:
    """Limit the size of a tile, because it is decoded whole and can be larger than the picture itself."""
    width, length = tags.get(_TIFF_TILE_WIDTH, 0), tags.get(_TIFF_TILE_LENGTH, 0)
    if not isinstance(width, int) or not isinstance(length, int):
        raise ImageDecodeError("image has tiles without a valid size")
    if width * length > max_pixels:
        raise ImageTooLarge(
            f"image has a tile of {width * length:,} pixels, the limit is {max_pixels:,} (OP_MAX_PIXELS)"
        )


def _check_count(what: str, count: int, limit: int) -> None:
    if count > limit:
        raise ImageTooLarge(f"image has {count:,} {what}, the limit is {limit:,}")
