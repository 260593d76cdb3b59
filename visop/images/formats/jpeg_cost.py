"""Refuse JPEGs that are built to be expensive, by what their headers say, before anything is decoded.

A scan of a progressive JPEG can be 70 bytes long, but decoding it passes over the whole picture: 20 MiB of scans take
two hours ("Two Issues with the JPEG Standard", libjpeg-turbo.org, LJT-01-003).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from visop.errors import ImageTooLarge
from visop.images.formats.jpeg_segments import FRAMES, START_OF_SCAN, segments, unsupported
from visop.images.formats.not_decoded import not_decoded

# jpegtran writes 100 at most, encoders write 10 to 20, those that optimise (mozjpeg) up to 60.
_MAX_SCANS = 100

# Blocks of 8 x 8 coefficients that all scans pass over; each takes up to 75 ns. 67 megapixels in the 10 scans that
# encoders write are 17 million, in CMYK 25 million; 20 megapixels may have 100 scans of their luminance.
MAX_BLOCKS = 32_000_000

# Tables of quantisers and Huffman codes. 100 scans with tables of their own need 40 KiB.
_MAX_TABLE_BYTES = 256 * 1024

# What a byte of a table takes, in blocks, by its marker: 110 ns for quantisers, 10 ns for Huffman codes.
_TABLES = {0xDB: 2.0, 0xC4: 0.2}
# What a strip or tile of a TIFF takes whatever is in it, in blocks: 40 us.
_BLOCKS_PER_STRIP = 700
# To check its compressed data, and to get its pixels.
_DECODED_TIMES = 2


@dataclass(frozen=True)
class JpegCost:
    """What the headers of a JPEG say of the work to decode it.

    Attributes:
        scans: how many.
        blocks: of 8 x 8 coefficients, of each component of each scan.
        table_bytes: of all segments with tables.
        table_work: to read these, in blocks.
    """

    scans: int
    blocks: int
    table_bytes: int
    table_work: float

    @property
    def strip_work(self) -> float:
        """The work for a strip or tile of a TIFF, in blocks."""
        return _DECODED_TIMES * (self.blocks + self.table_work) + _BLOCKS_PER_STRIP


def cost_of(data: bytes) -> JpegCost:
    """Add up what the segments of a JPEG cost.

    Raises:
        ImageDecodeError: there are implausibly many segments.
        IndexError: the file ends within the header of its frame.
    """
    scans = blocks = table_bytes = 0
    table_work = 0.0
    of_component: dict[int, int] = {}
    for kind, at in segments(data):
        if kind in FRAMES:
            of_component = _blocks(data, at)
        elif kind == START_OF_SCAN:
            scans += 1
            components = int.from_bytes(data[at + 2 : at + 3])
            blocks += sum(of_component.get(each, 0) for each in data[at + 3 : at + 3 + 2 * components : 2])
        elif kind in _TABLES:
            size = int.from_bytes(data[at : at + 2])
            table_bytes, table_work = table_bytes + size, table_work + _TABLES[kind] * size
    return JpegCost(scans, blocks, table_bytes, table_work)


def check_jpeg(data: bytes) -> None:
    """Check the scans and tables of a JPEG.

    Raises:
        ImageTooLarge: there are too many, or the scans are too many for the size of the picture.
        ImageDecodeError: there are implausibly many segments.
        IndexError: the file ends within the header of its frame.
    """
    cost = cost_of(data)
    if cost.scans > _MAX_SCANS:
        raise ImageTooLarge(f"image has {cost.scans:,} scans, the limit is {_MAX_SCANS:,}")
    if cost.table_bytes > _MAX_TABLE_BYTES:
        raise ImageTooLarge(f"image has {cost.table_bytes:,} bytes of tables, the limit is {_MAX_TABLE_BYTES:,}")
    if cost.blocks > MAX_BLOCKS:
        raise ImageTooLarge(
            f"image has {cost.scans:,} scans of {cost.blocks:,} blocks together, the limit is {MAX_BLOCKS:,}"
        )


def check_jpeg_strips(strips: Iterable[bytes]) -> None:
    """Check the work for all strips or tiles of a TIFF together, each a JPEG with its tables.

    Raises:
        ImageTooLarge: they take too much work together.
        ImageDecodeError: one is of a kind that is not decoded, or consists of implausibly many segments.
        IndexError: one ends within the header of its frame.
    """
    work = 0.0
    for count, strip in enumerate(strips, 1):
        if kind := unsupported(strip):
            raise not_decoded(f"a TIFF whose strips or tiles are each a {kind}")
        work += cost_of(strip).strip_work
        if work > MAX_BLOCKS:
            raise ImageTooLarge(
                f"image is a TIFF whose first {count:,} strips or tiles of JPEG take as much work as "
                f"{MAX_BLOCKS:,} blocks, which is the limit"
            )


def _blocks(data: bytes, at: int) -> dict[int, int]:
    """Return how many blocks each component of a frame has (T.81, A.1.1 and B.2.2)."""
    height, width = int.from_bytes(data[at + 3 : at + 5]), int.from_bytes(data[at + 5 : at + 7])
    components = [data[at + 8 + 3 * index : at + 10 + 3 * index] for index in range(data[at + 7])]
    across, down = (max((sampling(each[1]) for each in components), default=1) for sampling in (_across, _down))
    return {
        each[0]: _eighths(width * _across(each[1]), across) * _eighths(height * _down(each[1]), down)
        for each in components
    }


def _across(factors: int) -> int:
    return max(1, factors >> 4)


def _down(factors: int) -> int:
    return max(1, factors & 15)


def _eighths(length: int, factor: int) -> int:
    return -(-length // (8 * factor))
