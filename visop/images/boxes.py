"""Find the coded pixels in an AVIF or HEIF file (ISO/IEC 14496-12 and 23008-12): where its main picture lies."""

from __future__ import annotations

from collections.abc import Iterator

# A file of ours has some dozens; each takes at least 8 bytes.
_MAX_BOXES = 1000


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
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


def main_picture(data: bytes) -> tuple[int, int] | None:
    """Return where the coded pixels of the main picture begin and end.

    None if they are not in one piece, as in a grid of tiles, or in a sequence.
    """
    meta = next(((start, end) for kind, start, end in boxes(data, 0, len(data)) if kind == b"meta"), None)
    if meta is None or data[8:12] in (b"avis", b"msf1", b"hevc"):
        return None
    inside = {kind: (start, end) for kind, start, end in boxes(data, meta[0] + 4, meta[1])}
    if b"pitm" not in inside or b"iloc" not in inside:
        return None
    start = inside[b"pitm"][0]
    item = int.from_bytes(data[start + 4 : start + (8 if data[start] else 6)])
    return dict(_locations(data, *inside[b"iloc"])).get(item)


def _locations(data: bytes, start: int, end: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the items that lie in one piece of the file, with its start and end (8.11.3, ItemLocationBox)."""
    version, widths = data[start], data[start + 4 : start + 6]
    sizes = widths[0] >> 4, widths[0] & 15, widths[1] >> 4, widths[1] & 15 if version else 0
    offset_size, length_size, base_size, index_size = sizes
    fields = _Fields(data, start + 6, end)
    long = 4 if version == 2 else 2
    for _ in range(min(fields.take(long), _MAX_BOXES)):
        item = fields.take(long)
        in_file = (fields.take(2) & 15 == 0) if version else True
        fields.take(2)
        base, extents = fields.take(base_size), fields.take(2)
        for _ in range(min(extents, _MAX_BOXES)):
            fields.take(index_size)
            at, size = base + fields.take(offset_size), fields.take(length_size)
            if in_file and extents == 1 and 0 < at < at + size <= len(data):
                yield item, (at, at + size)


class _Fields:
    """Numbers that follow one another; behind the end they are 0."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data, self._at, self._end = data, start, end

    def take(self, size: int) -> int:
        value = int.from_bytes(self._data[self._at : min(self._at + size, self._end)])
        self._at += size
        return value
