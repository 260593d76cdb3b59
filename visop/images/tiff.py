"""Count the pages and values in the directories of a TIFF, without building the values (TIFF 6.0, section 2).

Pillow builds a Python object for every value of every tag that it reads, and a tile for every strip: 20 MB of them
take 7 to 15 s and a gigabyte. So visop counts them first.
"""

from __future__ import annotations

from struct import Struct

# BYTE, ASCII, SBYTE and UNDEFINED: Pillow reads these as one bytes object, whatever their length.
_BLOBS = frozenset({1, 2, 6, 7})

# The Exif, GPS and Interoperability directories, which Pillow reads with the page, and the types of pointers to them.
_SUBDIRECTORIES = frozenset({34665, 34853, 40965})
_POINTERS = {3: "H", 4: "L", 8: "H", 9: "L", 13: "L"}


class Tiff:
    """A TIFF file in memory. Every method raises struct.error if the file ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = "<" if data.startswith(b"II") else ">"
        self._tag = Struct(f"{self._order}HHL")
        self._first = self._read("L", 4)

    def count_pages(self, stop: int) -> int:
        """Count the pages, up to ``stop``; a page that the chain returns to is counted once."""
        seen: set[int] = set()
        position = self._first
        while position and position not in seen and len(seen) < stop:
            seen.add(position)
            position = self._read("L", position + 2 + 12 * self._read("H", position))
        return len(seen)

    def count_values(self) -> int:
        """Count the values of all tags of the first page, without byte strings."""
        return self._count_values(self._first, depth=2)

    def _count_values(self, directory: int, depth: int) -> int:
        total = 0
        for index in range(self._read("H", directory)):
            entry = directory + 2 + 12 * index
            tag, kind, count = self._tag.unpack_from(self._data, entry)
            if kind not in _BLOBS:
                total += count
            if depth and tag in _SUBDIRECTORIES and kind in _POINTERS:
                total += self._count_values(self._read(_POINTERS[kind], entry + 8), depth - 1)
        return total

    def _read(self, form: str, position: int) -> int:
        value: int = Struct(self._order + form).unpack_from(self._data, position)[0]
        return value
