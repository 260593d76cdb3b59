"""Small files that are made to be expensive, which a limit on pixels does not stop and Pillow does not know.

Every number here is far above what honest files have, and keeps the worst file that was found at a few seconds, where
it took minutes, hours or gigabytes.
"""

from __future__ import annotations

import io
import re
from typing import Any

from visop.errors import ImageDecodeError, ImageTooLarge
from visop.images.tiff import Tiff

# Every row costs memory of its own, and a resize costs 16 bytes per pixel of a side: 1 x 50,000,000 pixels take 1.4 GB.
# It is the longest side that a JPEG can have.
_MAX_SIDE = 65_535

# What may stand in a file only so often, by how the file begins: (name, its mark, limit).
_MARKS = {
    b"\xff\xd8": (
        # Pillow joins all Exif segments, of 64 KiB each, and builds an object for each value: 0.4 s for 1 MB.
        ("Exif segments", b"Exif\0\0", 20),
    ),
    # A colour profile of a PNG may unpack from 1 KB to 1 MB in 2 ms. The format allows one.
    b"\x89PNG": (("colour profiles", b"iCCP", 10),),
}

# A scan of a progressive JPEG costs time for the whole picture and may take 70 bytes: 20 MiB hold two hours
# ("Two Issues with the JPEG Standard", libjpeg-turbo.org, LJT-01-003). Encoders write 10 to 20.
_MAX_SCANS = 100
_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
# The next marker; not a stuffed or filling byte, nor one of the markers that have no length: TEM and RST (T.81, B.1.1).
_MARKER = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]")

# Numbers in the directories of a TIFF. 50 megapixels in tiles of 16 x 16, the smallest, have 390,000.
_MAX_TIFF_VALUES = 400_000
_TIFF_TILE_WIDTH, _TIFF_TILE_LENGTH = 322, 323

# By Pillow's names. Not among them: fax, whose decoder writes a line to stderr for every bad row, and obsolete ones.
_TIFF_COMPRESSIONS = frozenset(
    {"raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "jpeg", "lzma", "zstd", "webp"}
)

# As the JPEG marks, for the formats that have one piece of Exif.
_MAX_EXIF_BYTES = 1024 * 1024

_RUN_LENGTH_BMP = (1, 2)


class MeteredFile(io.BytesIO):
    """A file in memory that a reader cannot take in endless small pieces.

    Pillow walks through segments, chunks, tags and frames in Python, holding the interpreter's lock, at one or more
    reads each: 20 MiB of empty JPEG comments cost it 5 s. An honest file needs a read per some thousand bytes; a GIF
    one per 128.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads_left = 100_000 + len(data) // 64

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as a file does. Raises ImageDecodeError when it was read too often."""
        self._reads_left -= 1
        if self._reads_left < 0:
            raise ImageDecodeError("image is cut into too many small pieces")
        return super().read(size)


def check_file(data: bytes) -> None:
    """Refuse what can be seen in the bytes, before anything is parsed.

    Raises:
        ImageTooLarge: too many scans, profiles, metadata segments or TIFF values.
        ImageDecodeError: a BigTIFF, a variant for files of over 4 GB.
        struct.error: a TIFF that ends within its directories.
    """
    for start, marks in _MARKS.items():
        if data.startswith(start):
            for what, mark, limit in marks:
                _check_count(what, data.count(mark), limit)
    # Counting the marker's bytes is quick, walking is not.
    if data.startswith(b"\xff\xd8") and data.count(_SCAN) > _MAX_SCANS:
        _check_count("scans", _count_scans(data), _MAX_SCANS)
    if data[:2] in (b"II", b"MM"):
        if 43 in data[2:4]:
            raise ImageDecodeError("image is a BigTIFF, which is not accepted")
        _check_count("TIFF values", Tiff(data).count_values(), _MAX_TIFF_VALUES)


def check_header(image: Any, max_pixels: int) -> None:
    """Refuse what can be seen in the header, before the pixels are decoded.

    Args:
        image: an opened ``PIL.ImageFile.ImageFile``.
        max_pixels: the limit on width x height.

    Raises:
        ImageTooLarge: too many pixels, a side that is too long, a TIFF whose tiles are larger than the limit.
        ImageDecodeError: a TIFF or BMP with a compression that is not accepted.
    """
    width, height = image.size
    if width * height > max_pixels:
        raise ImageTooLarge(f"image has {width * height:,} pixels, the limit is {max_pixels:,}")
    if max(width, height) > _MAX_SIDE:
        raise ImageTooLarge(f"image is {width:,} x {height:,} pixels, the limit for a side is {_MAX_SIDE:,}")
    compression = image.info.get("compression")
    if image.format == "TIFF":
        _check_tile(image.tag_v2, max_pixels)
        if compression not in _TIFF_COMPRESSIONS:
            raise ImageDecodeError(f"image is a TIFF with {compression} compression, which is not accepted")
    # Decoded in Python, pixel by pixel: 1.5 KB keep the interpreter busy for seconds.
    if image.format == "BMP" and compression in _RUN_LENGTH_BMP:
        raise ImageDecodeError("image is a BMP with run-length compression, which is not accepted")


def check_exif(exif: bytes) -> None:
    """Refuse Exif data that is too large to be honest. Raises ImageTooLarge."""
    _check_count("bytes of Exif", len(exif), _MAX_EXIF_BYTES)


def _count_scans(data: bytes) -> int:
    """Scans of the first picture only: phones append a film to a photo, in which any two bytes occur by chance."""
    scans, position = 0, 2
    while (marker := _MARKER.search(data, position)) and marker[0] != _END_OF_IMAGE:
        scans += marker[0] == _SCAN
        position = marker.end() + max(2, int.from_bytes(data[marker.end() : marker.end() + 2]))
    return scans


def _check_tile(tags: Any, max_pixels: int) -> None:
    """A tile is decoded whole, and may be larger than the picture that it is for."""
    width, length = tags.get(_TIFF_TILE_WIDTH, 0), tags.get(_TIFF_TILE_LENGTH, 0)
    if not isinstance(width, int) or not isinstance(length, int):
        raise ImageDecodeError("image has tiles without a valid size")
    if width * length > max_pixels:
        raise ImageTooLarge(f"image has a tile of {width * length:,} pixels, the limit is {max_pixels:,}")


def _check_count(what: str, count: int, limit: int) -> None:
    if count > limit:
        raise ImageTooLarge(f"image has {count:,} {what}, the limit is {limit:,}")
