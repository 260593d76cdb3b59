"""Find the coded pictures in an AVIF or HEIF file (ISO/IEC 14496-12 and 23008-12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from visop.errors import ImageDecodeError

# Files have some dozens of boxes, and an item for each tile; a box takes at least 8 bytes.
_MAX_BOXES = 1000
_MAX_ITEMS = 4000

# The boxes between the file and the positions of the samples of a sequence.
_TO_SAMPLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
# The size of a position in either box that can hold them.
_POSITIONS = {b"stco": 4, b"co64": 8}


@dataclass(frozen=True)
class CodedPictures:
    """Where the coded pictures of a file lie.

    Attributes:
        main: start and end of the main picture; None if it is not in one piece, as in a grid of tiles or a sequence.
        starts: start of everything that can be a coded picture, with the end of it or of the file.
    """

    main: tuple[int, int] | None
    starts: list[tuple[int, int]]


def find_pictures(data: bytes) -> CodedPictures:
    """Find the coded pictures.

    Raises:
        ImageDecodeError: there are implausibly many boxes or items, or an item is in several pieces.
    """
    samples = [(at, len(data)) for at in _first_samples(data, 0, len(data), _TO_SAMPLES)]
    items, main = {}, None
    for start, end in _inside(data, 0, len(data), b"meta"):
        boxes = {kind: (begin, stop) for kind, begin, stop in _boxes(data, start + 4, end)}
        if b"pitm" in boxes and b"iloc" in boxes:
            items = dict(_locations(data, *boxes[b"iloc"], boxes.get(b"idat", (0, 0))[0]))
            first = boxes[b"pitm"][0]
            main = items.get(int.from_bytes(data[first + 4 : first + (8 if data[first] else 6)]))
    return CodedPictures(None if samples else main, [*items.values(), *samples])


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end of the content of the boxes that lie one after another here."""
    for _ in range(_MAX_BOXES):
        if start + 8 > end:
            return
        size, head = int.from_bytes(data[start : start + 4]), 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16]), 16
        stop = end if size == 0 else min(end, start + max(size, head))
        yield data[start + 4 : start + 8], start + head, stop
        start = stop
    raise _too_many()


def _inside(data: bytes, start: int, end: int, wanted: bytes) -> Iterator[tuple[int, int]]:
    return ((begin, stop) for kind, begin, stop in _boxes(data, start, end) if kind == wanted)


def _first_samples(data: bytes, start: int, end: int, path: tuple[bytes, ...]) -> Iterator[int]:
    """Yield where the first sample of every track is (8.7.5, ChunkOffsetBox)."""
    if not path:
        for kind, begin, _ in _boxes(data, start, end):
            if kind in _POSITIONS:
                yield int.from_bytes(data[begin + 8 : begin + 8 + _POSITIONS[kind]])
        return
    for begin, stop in _inside(data, start, end, path[0]):
        yield from _first_samples(data, begin, stop, path[1:])


def _locations(data: bytes, start: int, end: int, idat: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the items, with start and end in the file (8.11.3, ItemLocationBox)."""
    version, widths = data[start], data[start + 4 : start + 6]
    offset_size, length_size, base_size, index_size = (
        *(widths[0] >> 4, widths[0] & 15),
        *(widths[1] >> 4, widths[1] & 15 if version else 0),
    )
    fields = _Fields(data, start + 6, end)
    long = 4 if version == 2 else 2
    count = fields.take(long)
    if count > _MAX_ITEMS:
        raise _too_many()
    for _ in range(count):
        item = fields.take(long)
        origin = idat if version and fields.take(2) & 15 else 0
        fields.take(2)
        base, extents = fields.take(base_size), fields.take(2)
        if extents > 1:
            raise ImageDecodeError("image has an item in several pieces, which is not decoded")
        if extents:
            fields.take(index_size)
            at, size = origin + base + fields.take(offset_size), fields.take(length_size)
            yield item, (at, min(len(data), at + size) if size else len(data))


class _Fields:
    """Numbers that follow one another; behind the end they are 0."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data, self._at, self._end = data, start, end

    def take(self, size: int) -> int:
        value = int.from_bytes(self._data[self._at : min(self._at + size, self._end)])
        self._at += size
        return value


def _too_many() -> ImageDecodeError:
    return ImageDecodeError("image consists of too many small pieces")
