"""Look into the directories of a TIFF without building their values (TIFF 6.0, section 2).

Pillow builds a Python object for every value of every tag that it reads, and a tile for every strip: 20 MB of them
take 7 to 15 s and a gigabyte. So visop counts them first.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from itertools import islice
from struct import Struct

# BYTE, ASCII, SBYTE and UNDEFINED: Pillow reads these as one bytes object, whatever their length.
_BLOBS = frozenset({1, 2, 6, 7})

# The Exif, GPS and Interoperability directories, which Pillow reads with the page, and the types of pointers to them.
_SUBDIRECTORIES = frozenset({34665, 34853, 40965})
_POINTERS = {3: "H", 4: "L", 8: "H", 9: "L", 13: "L"}
_NUMBERS = {1: "B", **_POINTERS}

# Adobe DNG Specification; TIFF/EP, section 5: what a camera's sensor saw, in colours that are still to be made.
_PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 262, 330, 50706
_SENSOR = frozenset({32803, 34892})
_MAX_SUB_IFDS = 8

# Pages have some dozens of tags, in the order of their numbers.
_MAX_TAGS = 1000
_WIDTH, _LENGTH = 256, 257
_BITS, _SAMPLES, _SAMPLE_FORMAT = 258, 277, 339
_FORMS = {1: "unsigned", 2: "signed", 3: "floating point", 5: "complex", 6: "complex"}


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

    def count_values(self, stop: int) -> int:
        """Count the values of all tags of the first page and its subdirectories; a byte string is one value.

        A directory that several tags point to, or that points to itself, is counted once. Stops above ``stop``.
        """
        total, seen, ahead = 0, set[int](), [self._first]
        while ahead and total <= stop:
            directory = ahead.pop()
            if directory not in seen:
                seen.add(directory)
                total += self._count_values(directory, ahead)
        return total

    def is_raw(self) -> bool:
        """Whether this is a camera's raw file: it says so (DNG), or holds the pixels of a colour filter array."""
        first = dict(self._entries(self._first))
        below = [self._read("L", at) for at in self._pointed(first)]
        return _DNG_VERSION in first or any(self._is_sensor(directory) for directory in [self._first, *below])

    def canvas(self) -> tuple[int, int, int]:
        """Return width and height of the first page, and the bytes of a pixel, from its first tags."""
        entries = dict(islice(self._entries(self._first), _MAX_TAGS))
        width, height = (self._whole(entries[tag]) if tag in entries else 0 for tag in (_WIDTH, _LENGTH))
        return width, height, -(-self._number(entries, _SAMPLES) * self._number(entries, _BITS) // 8)

    def samples(self) -> str:
        """Describe the samples of the first page: ``with 3 samples of 64 bits, floating point, per pixel``."""
        entries = dict(self._entries(self._first))
        count, bits, form = (self._number(entries, tag) for tag in (_SAMPLES, _BITS, _SAMPLE_FORMAT))
        return f"with {count} sample{'s' * (count != 1)} of {bits} bits, {_FORMS.get(form, 'undefined')}, per pixel"

    def _number(self, entries: Mapping[int, int], tag: int) -> int:
        """Return the first value of a tag, of 8, 16 or 32 bits; 1 if there is none."""
        entry = entries.get(tag)
        if entry is None:
            return 1
        form = _NUMBERS.get(self._read("H", entry + 2), "H")
        fits = self._read("L", entry + 4) * struct.calcsize(f"={form}") <= 4  # in the entry itself
        return self._read(form, entry + 8 if fits else self._read("L", entry + 8))

    def _whole(self, entry: int) -> int:
        """Return the value of an entry that has one, of 16 or 32 bits."""
        return self._read(_POINTERS.get(self._read("H", entry + 2), "L"), entry + 8)

    def _is_sensor(self, directory: int) -> bool:
        entries = dict(self._entries(directory))
        return _PHOTOMETRIC in entries and self._number(entries, _PHOTOMETRIC) in _SENSOR

    def _entries(self, directory: int) -> Iterator[tuple[int, int]]:
        """Yield the tags of a directory, and where their entries are."""
        for index in range(self._read("H", directory)):
            entry = directory + 2 + 12 * index
            yield self._read("H", entry), entry

    def _pointed(self, entries: Mapping[int, int]) -> range:
        """Return where the pointers to the first subdirectories of a page are."""
        entry = entries.get(_SUB_IFDS)
        if entry is None:
            return range(0)
        count = self._read("L", entry + 4)
        start = entry + 8 if count == 1 else self._read("L", entry + 8)
        return range(start, start + 4 * min(count, _MAX_SUB_IFDS), 4)

    def _count_values(self, directory: int, ahead: list[int]) -> int:
        """Count the values of one directory, and add those that it points to."""
        total = 0
        for index in range(self._read("H", directory)):
            entry = directory + 2 + 12 * index
            tag, kind, count = self._tag.unpack_from(self._data, entry)
            total += 1 if kind in _BLOBS else max(1, count)
            if tag in _SUBDIRECTORIES and kind in _POINTERS:
                ahead.append(self._read(_POINTERS[kind], entry + 8))
        return total

    def _read(self, form: str, position: int) -> int:
        value: int = Struct(self._order + form).unpack_from(self._data, position)[0]
        return value
