"""Check the chunks of a PNG, and drop those that nobody needs and Pillow would refuse (PNG, third edition).

Pillow does not compare the checksums of pixels, and refuses a whole picture for a wrong one in a comment, or for a
comment that is long.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from visop.errors import ImageDecodeError
from visop.images.formats.inflating import inflated

SIGNATURE = b"\x89PNG\r\n\x1a\n"

# Chunks that decide how the picture looks although decoders may skip them: colours, transparency and orientation.
_LOOKS = frozenset({b"tRNS", b"gAMA", b"cHRM", b"iCCP", b"cICP", b"eXIf"})
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})

# A text of more than 1 MiB, unpacked, makes Pillow refuse the picture. Only these are looked at: they hold Exif or XMP,
# with the orientation. As much as 64 KiB of deflate unpack to is skipped by Pillow's own limit.
_NEEDED_TEXTS = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"Raw profile type APP1\0")
_MAX_TEXT = 64 * 1024

_MAX_CHUNKS = 100_000


def check_png(data: bytes) -> bytes:
    """Compare the checksums of all chunks that matter.

    Returns:
        The file; without chunks that do not matter if they are damaged or are long texts.

    Raises:
        ImageDecodeError: a chunk that matters is damaged or incomplete, or there are implausibly many.
    """
    if not data.startswith(SIGNATURE):
        raise _damaged("its signature is damaged")
    view = memoryview(data)
    kept = [view[: len(SIGNATURE)]]
    for kind, start, end in _chunks(data):
        chunk = view[start:end]
        whole = end <= len(data) and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])
        if not whole and _matters(kind):
            raise _damaged(
                f"its {_name(kind)} chunk has a wrong checksum" if end <= len(data) else "its data end early"
            )
        if whole and not _is_ballast(kind, chunk):
            kept.append(chunk)
    return data if sum(map(len, kept)) == len(data) else b"".join(kept)


def check_rows(image: Any, data: bytes) -> None:
    """Find out whether the pixels of a PNG that Pillow has decoded reach to its end: what is missing is left black.

    The compressed data are unpacked again only if the last row is black, or if the rows are interlaced.

    Raises:
        ImageDecodeError: there are fewer rows than the header says.
    """
    last_row = image.crop((0, image.height - 1, *image.size))
    if last_row.getbbox(alpha_only=False) is not None and not image.info.get("interlace"):
        return
    if not _unpacks_to(data, _expected(data)):
        raise _damaged("its compressed data end early")


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end of every chunk up to IEND; the last may end behind the end of the file."""
    start = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        kind = data[start + 4 : start + 8]
        if len(kind) < 4:
            return
        end = start + 12 + int.from_bytes(data[start : start + 4])
        yield kind, start, end
        if kind == b"IEND":
            return
        start = end
    raise ImageDecodeError("image consists of too many small pieces")


def _matters(kind: bytes) -> bool:
    """Whether a decoder must not skip a chunk: that is said by its first letter, unless it decides about the looks.

    The end holds nothing; whether all pixels came before it shows without it.
    """
    return kind != b"IEND" and (not kind[0] & 0x20 or kind in _LOOKS)


def _is_ballast(kind: bytes, chunk: memoryview) -> bool:
    """Whether a chunk is a text that is not needed and could be too long for Pillow."""
    if kind not in _TEXTS or (kind == b"tEXt" and len(chunk) <= _MAX_TEXT):
        return False
    return len(chunk) > _MAX_TEXT or not bytes(chunk[8:40]).startswith(_NEEDED_TEXTS)


def _name(kind: bytes) -> str:
    return kind.decode("ascii") if kind.isalpha() and kind.isascii() else "damaged"


def _damaged(why: str) -> ImageDecodeError:
    return ImageDecodeError(f"image is a damaged PNG: {why}")


def _expected(data: bytes) -> int:
    """The bytes of all rows, unpacked, of the header (11.2.1); of interlaced ones, of the seven passes (8.1)."""
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    bits = data[24] * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[data[25]]
    passes = [(0, 0, 1, 1)]
    if data[28]:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    total = 0
    for left, top, across, down in passes:
        columns, rows = -(-max(0, width - left) // across), -(-max(0, height - top) // down)
        total += rows * (1 + -(-columns * bits // 8)) if columns else 0
    return total


def _unpacks_to(data: bytes, least: int) -> bool:
    """Whether the pixels of the file unpack to so many bytes. What comes after them is not unpacked."""
    unpacker, total = zlib.decompressobj(), 0
    for kind, start, end in _chunks(data):
        if kind == b"IDAT" and not unpacker.eof and total < least:
            total += inflated(unpacker, data[start + 8 : end - 4], least - total)
    return total >= least or total + len(unpacker.flush()) >= least
