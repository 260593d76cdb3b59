"""Walk through the segments of a JPEG, and find out whether its scans are all there (ITU-T T.81, annexes B and G)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from visop.errors import ImageDecodeError

# A marker with a length field: excludes stuffed and fill bytes, and TEM and RST, which have none (B.1.1).
MARKER = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]")

START_OF_SCAN, END_OF_IMAGE, QUANTISERS, RESTARTS = 0xDA, 0xD9, 0xDB, 0xDD
#: Frame headers; between them lie DHT (C4), JPG (C8) and DAC (CC).
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
# It takes ten times as long as Huffman codes, also where there is nothing to decode, and browsers do not read it.
_ARITHMETIC = frozenset({0xC9, 0xCA, 0xCD, 0xCE})

# Ordinary files have some dozens; 20 MiB of empty comments would take seconds in Python.
_MAX_SEGMENTS = 10_000

_COEFFICIENTS = 64


def segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the segments of the first picture: phones append videos, whose bytes can look like segments.

    Returns:
        The second byte of each marker, and the position of the length field that follows it.

    Raises:
        ImageDecodeError: there are implausibly many.
    """
    position = 2
    for _ in range(_MAX_SEGMENTS):
        marker = MARKER.search(data, position)
        if marker is None or marker[0][1] == END_OF_IMAGE:
            return
        yield marker[0][1], marker.end()
        position = marker.end() + max(2, int.from_bytes(data[marker.end() : marker.end() + 2]))
    raise ImageDecodeError("image consists of too many small pieces")


def has_end(data: bytes) -> bool:
    """Return whether a JPEG has an end mark, behind the data of its last scan."""
    if data.endswith(bytes([0xFF, END_OF_IMAGE])):
        return True
    last = max((at for _, at in segments(data)), default=2)
    return MARKER.search(data, last + max(2, int.from_bytes(data[last : last + 2]))) is not None


def unsupported(data: bytes) -> str | None:
    """Name the kind of a JPEG that is not decoded, such as ``JPEG with 12 bits per sample``; None for all others."""
    for kind, at in segments(data):
        if kind in FRAMES:
            if kind in _LOSSLESS:
                return "lossless JPEG"
            if kind in _ARITHMETIC:
                return "JPEG with arithmetic coding"
            bits, components = data[at + 2 : at + 3], data[at + 7 : at + 8]
            if bits not in (b"\x08", b""):
                return f"JPEG with {bits[0]} bits per sample"
            return f"JPEG with {components[0]} components" if components not in (b"\1", b"\3", b"\4", b"") else None
    return None


def is_decoded_row_by_row(data: bytes) -> bool:
    """Return whether all components come in one sequential scan, so that a decoder need not keep coefficients."""
    components = 0
    for kind, at in segments(data):
        if kind in FRAMES:
            components = 0 if kind in PROGRESSIVE else data[at + 7]
        elif kind == START_OF_SCAN:
            return 0 < components == data[at + 2]
    return False


def has_zero_quantisers(data: bytes) -> bool:
    """Return whether a table of quantisers of 8 bits before the first scan holds a zero, which B.2.4.1 forbids."""
    for kind, at in segments(data):
        if kind == START_OF_SCAN:
            return False
        tables = data[at + 2 : at + int.from_bytes(data[at : at + 2])] if kind == QUANTISERS else b""
        while tables:  # a segment may have several
            bits_16 = tables[0] >= 0x10
            if not bits_16 and 0 in tables[1 : 1 + _COEFFICIENTS]:
                return True
            tables = tables[1 + _COEFFICIENTS * (1 + bits_16) :]
    return False


def has_all_scans(data: bytes) -> bool:
    """Return whether every coefficient of every component is sent, down to its last bit.

    A picture whose later scans are missing decodes without an error: coarse, or without its colours.
    """
    missing: dict[int, set[int]] = {}
    progressive = False
    for kind, at in segments(data):
        if kind in FRAMES:
            progressive = kind in PROGRESSIVE
            missing = {
                component: set(range(_COEFFICIENTS)) for component in data[at + 8 : at + 8 + 3 * data[at + 7] : 3]
            }
        elif kind == START_OF_SCAN:
            for component, sent in _sent(data, at, progressive):
                missing[component] = missing.get(component, set()) - sent
            if not any(missing.values()):
                return True
    return False


def _sent(data: bytes, at: int, progressive: bool) -> Iterator[tuple[int, set[int]]]:
    """Yield the components of a scan, each with the coefficients of which it sends the last bit."""
    count = data[at + 2]
    first, last, approximation = data[at + 3 + 2 * count : at + 6 + 2 * count]
    sent = set(range(first, last + 1)) if approximation & 15 == 0 else set()
    for component in data[at + 3 : at + 3 + 2 * count : 2]:
        yield component, sent if progressive else set(range(_COEFFICIENTS))
