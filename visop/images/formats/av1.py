"""Read the size of the pictures in AV1 data (AV1 Bitstream & Decoding Process Specification, 5.3 to 5.5).

The header of an AVIF says how large its picture is, but the decoder makes it as large as the coded data say, and scales
it down: an AVIF of 2 KB and 16 x 16 pixels took 600 MB.
"""

from __future__ import annotations

from collections.abc import Iterator

from visop.errors import ImageDecodeError

_SEQUENCE_HEADER = 1
# A picture of ours has three; more than so many are not read.
_MAX_UNITS = 1000


def largest_size(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Return the largest width and height that the sequence headers here allow; None if there are none.

    Raises:
        ImageDecodeError: there are implausibly many units.
    """
    sizes = [_size(_Bits(data[at : at + 64])) for kind, at in _units(data, start, end) if kind == _SEQUENCE_HEADER]
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _units(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the type of every unit (OBU) and where its content starts."""
    for _ in range(_MAX_UNITS):
        if start >= end:
            return
        header = data[start]
        start += 2 if header & 4 else 1
        size = end - start
        if header & 2:
            size, start = _leb128(data, start, end)
        yield header >> 3 & 15, start
        start += size
    raise ImageDecodeError("image consists of too many small pieces")


def _leb128(data: bytes, start: int, end: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[start : min(end, start + 8)]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, start + index + 1
    return end, end


class _Bits:
    """Bits that follow one another, the highest of a byte first; behind the end they are 0."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data), 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        shifted = self._value >> self._left if self._left >= 0 else 0
        return shifted & ((1 << count) - 1)


def _size(bits: _Bits) -> tuple[int, int]:
    """Read a sequence header as far as the size (5.5.1)."""
    bits.take(4)  # profile, still picture
    if bits.take(1):  # reduced header
        bits.take(5)
    else:
        delay_bits = _skip_timing(bits) if bits.take(1) else 0
        _skip_operating_points(bits, delay_bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_timing(bits: _Bits) -> int:
    """Skip the timing and the decoder model (5.5.3, 5.5.4); return the bits of a delay, 0 if there is no model."""
    bits.take(64)
    if bits.take(1):  # a number of as many bits as zeros lead it (4.10.3)
        zeros = 0
        while zeros < 32 and not bits.take(1):
            zeros += 1
        bits.take(zeros)
    if not bits.take(1):
        return 0
    delay_bits = bits.take(5) + 1
    bits.take(42)
    return delay_bits


def _skip_operating_points(bits: _Bits, delay_bits: int) -> None:
    has_display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_display_delay and bits.take(1):
            bits.take(4)
