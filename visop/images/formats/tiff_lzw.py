"""Find out whether the strips or tiles of a TIFF with LZW end where their rows do: LZW has no checksum (TIFF 6.0, 13).

A damaged code stands for another number of bytes, so that the last row is full before the end code, and libtiff looks
no further. So it is given one row more than there is, with a stream that makes this row in place of the end code: the
additional row begins with what was left over.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate

import PIL.Image

# Codes have 9 bits at first, the highest bit of a byte first. The first one clears the table.
_CLEAR, _END, _FIRST, _BITS = 256, 257, 258, 9
_START = b"\x80"

# What the additional row consists of.
_VALUE = 0xA5
# So many codes, of which each stands for one byte more than the one before, need no more than 9 bits.
_RUN = 200
_RUN_BYTES = _RUN * (_RUN + 1) // 2

# Bytes that are unpacked at once, if a strip has less.
_MOST_AT_ONCE = 2**24
_TOO_MANY = 2**28

_TAIL = 3  # bytes; the end code and the rest of a byte are shorter


def is_lzw_whole(strips: Sequence[bytes], row: int, rows: int) -> bool:
    """Return whether nothing is left over of strips or tiles with LZW. What does not end with the end code is skipped.

    Args:
        strips: the compressed data, each of so many rows.
        row: bytes of a row.
        rows: of each.
    """
    size = row * (rows + 1)
    if not 0 < size < _TOO_MANY:
        return True
    count = max(1, _MOST_AT_ONCE // size)
    return all(_are_whole(strips[at : at + count], row, rows) for at in range(0, len(strips), count))


def _are_whole(strips: Sequence[bytes], row: int, rows: int) -> bool:
    """Take the end code as it is, or a bit wider: some programs do not count the last code and write it narrower."""
    for widened in (0, 1):
        strips = [each for each in strips if _continued(each, row, widened)]
        if not strips:
            return True
        ends = _additional_rows([_continued(each, row, widened) for each in strips], row, rows)
        strips = [each for each, end in zip(strips, ends, strict=True) if end != bytes([_VALUE]) * row]
    return not strips


def _continued(strip: bytes, row: int, widened: int) -> bytes:
    """Put codes for a row in place of the end code, so many bits wider; return nothing if there is no end code."""
    strip = strip.rstrip(b"\0")
    if not strip.startswith(_START) or len(strip) <= _TAIL:
        return b""
    tail = int.from_bytes(strip[-_TAIL:])
    left = (tail & -tail).bit_length() - 1
    if tail >> left & ((1 << _BITS) - 1) != _END:
        return b""
    tail = tail >> left + _BITS << _BITS + widened | _CLEAR
    bits = 8 * _TAIL - left + widened
    for code in _codes(row):
        tail, bits = tail << _BITS | code, bits + _BITS
    return strip[:-_TAIL] + (tail << -bits % 8).to_bytes(-(-bits // 8))


def _codes(row: int) -> Iterator[int]:
    """Yield codes that stand for as many equal bytes as a row has, or more."""
    for _ in range(0, row, _RUN_BYTES):
        yield _VALUE
        yield from range(_FIRST, _FIRST + _RUN - 1)
        yield _CLEAR


def _additional_rows(strips: Sequence[bytes], row: int, rows: int) -> list[bytes]:
    """Unpack strips with a row more than they had; return the last row of each, nothing where they are corrupt."""
    rows += 1
    try:
        with PIL.Image.open(io.BytesIO(_tiff(strips, row, rows)), formats=("TIFF",)) as image:
            return [image.crop((0, last - 1, row, last)).tobytes() for last in range(rows, image.height + 1, rows)]
    except OSError:
        return [b""] if len(strips) == 1 else [_additional_rows([each], row, rows - 1)[0] for each in strips]


def _tiff(strips: Sequence[bytes], row: int, rows: int) -> bytes:
    """Make a grey TIFF of strips with LZW."""
    offsets = list(accumulate(map(len, strips), initial=8))
    count = len(strips)
    behind = offsets.pop()
    lists = struct.pack(f"<{2 * count}L", *offsets, *map(len, strips))
    places = (behind, behind + 4 * count) if count > 1 else (offsets[0], len(strips[0]))
    tags = (
        *((256, 1, row), (257, 1, rows * count), (258, 1, 8), (259, 1, 5), (262, 1, 1)),
        *((273, count, places[0]), (277, 1, 1), (278, 1, rows), (279, count, places[1])),
    )
    directory = b"".join(struct.pack("<HHLL", tag, 4, many, value) for tag, many, value in tags)
    head = b"II*\0" + struct.pack("<L", behind + len(lists))
    return b"".join((head, *strips, lists, struct.pack("<H", len(tags)), directory, bytes(4)))
