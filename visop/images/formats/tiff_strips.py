"""Check the strips and tiles of a TIFF. libtiff unpacks as many bytes as it needs and looks no further.

So it never comes to the checksums of deflate and LZMA or the end code of LZW, and decodes JPEG without saying what it
made up.
"""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

from visop.errors import ImageDecodeError, ImageTooLarge
from visop.images.formats.inflating import inflates
from visop.images.formats.jpeg import is_whole_jpeg
from visop.images.formats.jpeg_cost import check_jpeg_strips
from visop.images.formats.overwritten import replacement
from visop.images.formats.rows import Rows
from visop.images.formats.tiff_lzw import is_lzw_whole

# Tags: (offsets, byte counts) of strips and of tiles.
_PLACES = ((273, 279), (324, 325))
_BITS, _SAMPLES, _PLANES, _TILE_WIDTH, _TILE_LENGTH, _JPEG_TABLES = 258, 277, 284, 322, 323, 347
_STRIP_LENGTH = 278
_SEPARATE = 2

# Modes whose samples are near to their neighbours; the indices of a palette are not.
_SMOOTH_MODES = ("L", "RGB", "RGBA", "CMYK")

# Strips and tiles may unpack to more than is needed of them.
_SLACK = 2

_PIECE = 2**20

# Some programs store equal tiles, such as empty ones, once.
_MAX_SHARING = 4


def check_strips(image: Any, data: bytes) -> None:
    """Check the strips or tiles of a TIFF that is opened and not yet decoded.

    Raises:
        ImageDecodeError: one is damaged, or lies outside the file.
        ImageTooLarge: many strips or tiles are the same bytes, so that a small file would be much work; or those in
            JPEG are much work by themselves.
    """
    strips = list(_strips(image.tag_v2))
    if any(start + size > len(data) for start, size in strips):
        raise _damaged("its pixels end early")
    if sum(size for _, size in strips) > _MAX_SHARING * len(data):
        raise ImageTooLarge(f"image is a TIFF with {len(strips):,} strips or tiles that share their bytes")
    if image.info.get("compression") == "jpeg":
        check_jpeg_strips(_with_tables(image, data[start : start + size]) for start, size in strips)
    if image.info.get("compression") == "raw":
        what = _replacement(image, data, sorted(strips))
        if what:
            raise _damaged(f"a part of its pixels is {what}")
    elif not _are_whole(image, (data[start : start + size] for start, size in strips)):
        raise _damaged("its compressed data are corrupt")


def _strips(tags: Any) -> Iterator[tuple[int, int]]:
    """Yield the position and size of every strip or tile."""
    for offsets, counts in _PLACES:
        if offsets in tags and counts in tags:
            yield from zip(_values(tags[offsets]), _values(tags[counts]), strict=False)


def _values(value: Any) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def _are_whole(image: Any, strips: Iterable[bytes]) -> bool:
    """Whether the compressed data of all strips are whole, as far as their format tells."""
    match image.info.get("compression"):
        case "tiff_deflate" | "tiff_adobe_deflate":
            return _unpack(strips, inflates, _most_bytes(image))
        case "lzma":
            return _unpack(strips, _unpacks_as_lzma, _most_bytes(image))
        case "tiff_lzw":
            return is_lzw_whole(*_with_all_rows(image, list(strips)))
        case "jpeg":
            return all(is_whole_jpeg(_with_tables(image, strip)) for strip in strips)
    return True


def _unpack(strips: Iterable[bytes], unpack: Callable[[bytes, float], int | None], most: float) -> bool:
    """Whether all strips unpack, to ``most`` bytes together."""
    for strip in strips:
        size = unpack(strip, most)
        if size is None:
            return False
        most -= size
    return True


def _with_tables(image: Any, strip: bytes) -> bytes:
    """Put the tables that all strips or tiles share before a JPEG of one (TIFF Technical Note 2)."""
    tables = image.tag_v2.get(_JPEG_TABLES, b"")
    return tables[:-2] + strip[2:] if tables else strip


def _with_all_rows(image: Any, strips: list[bytes]) -> tuple[list[bytes], int, int]:
    """Return the strips or tiles that have as many rows as the first, the bytes of a row and the number of rows."""
    tags = image.tag_v2
    rows = tags.get(_TILE_LENGTH) or min(tags.get(_STRIP_LENGTH, image.height), image.height)
    in_plane = -(-image.height // rows)
    is_last_short = _TILE_LENGTH not in tags and image.height % rows
    whole = [each for at, each in enumerate(strips, 1) if at % in_plane or not is_last_short]
    return whole, _row_and_pixel(image)[0], rows


def _most_bytes(image: Any) -> float:
    """What all strips or tiles unpack to at most, with what fills up the last ones."""
    tags = image.tag_v2
    columns, rows = tags.get(_TILE_WIDTH, image.width), tags.get(_TILE_LENGTH, image.height)
    tiles = -(-image.width // columns) * -(-image.height // rows)
    bits = sum(_values(tags.get(_BITS, 1))) if tags.get(_SAMPLES, 1) > 1 else _values(tags.get(_BITS, 1))[0]
    return float(_SLACK * (tiles * columns * rows * max(8, bits) / 8) + _PIECE)


def _unpacks_as_lzma(strip: bytes, most: float) -> int | None:
    """Return how many bytes a whole LZMA stream unpacks to; None if it is corrupt, incomplete or above ``most``."""
    unpacker, total = lzma.LZMADecompressor(), 0
    try:
        total += len(unpacker.decompress(strip, _PIECE))
        while not unpacker.eof and not unpacker.needs_input and total <= most:
            total += len(unpacker.decompress(b"", _PIECE))
    except lzma.LZMAError:
        return None
    return total if unpacker.eof else None


def _replacement(image: Any, data: bytes, strips: list[tuple[int, int]]) -> str | None:
    """Name what took the place of pixels without compression, in strips that follow one another."""
    if any(start + size != after for (start, size), (after, _) in pairwise(strips)):
        return None
    rows = Rows(strips[0][0], sum(strips[-1]), *_row_and_pixel(image))
    is_smooth = image.mode in _SMOOTH_MODES and set(_values(image.tag_v2.get(_BITS, 1))) == {8}
    return replacement(data, rows, is_smooth)


def _row_and_pixel(image: Any) -> tuple[int, int]:
    """Return the bytes of a row of a strip or tile, and those of a pixel in it, of one plane if planes are separate."""
    tags = image.tag_v2
    bits = _values(tags.get(_BITS, 1))
    pixel = bits[0] if tags.get(_PLANES) == _SEPARATE else bits[0] * tags.get(_SAMPLES, 1)
    return max(1, (tags.get(_TILE_WIDTH, image.width) * pixel + 7) // 8), max(1, pixel // 8)


def _damaged(why: str) -> ImageDecodeError:
    return ImageDecodeError(f"image is a damaged TIFF: {why}")
