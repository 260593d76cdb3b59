"""Find out whether the last bytes of a WebP are needed although the pixels are the same with others in their place.

So it can be in a whole file: of blocks that reach over the edge the picture shows a part only, and a lossless picture
may end with a copy of pixels that are like many others.
"""

from __future__ import annotations

from collections.abc import Callable

_BLOCK_SIDE = 16
# RFC 6386, 9.1: behind the tag of a frame and its start code, width and height of 14 bits, each with 2 bits of scale.
_WIDTH, _HEIGHT, _LENGTH_MASK = slice(6, 8), slice(8, 10), 0x3FFF


def coded_pixels(data: bytes) -> tuple[bytes, int, int]:
    """Return kind, start and end of the pixels of the first frame; no kind if there are none (RFC 9649, 2.7)."""
    return _coded_pixels(data, 12, len(data))


def is_end_needed(data: bytes, size: int, checksum: Callable[[bytes], int | None]) -> bool:
    """Return whether a decoder needs the last bytes of the pixels.

    Args:
        data: the file, which has pixels.
        size: how many bytes.
        checksum: of the pixels of a file, None if it cannot be decoded.
    """
    kind, start, end = coded_pixels(data)
    if kind == b"VP8L":  # it says where its data end too early
        return checksum(_file(kind, data[start : end - size])) is None
    shown = _with_whole_blocks(data[start:end])
    changed = shown[:-size] + bytes(each ^ 0xFF for each in shown[-size:])
    pixels = checksum(_file(kind, shown))
    return pixels is None or pixels != checksum(_file(kind, changed))


def _coded_pixels(data: bytes, start: int, end: int) -> tuple[bytes, int, int]:
    while start + 8 <= end:
        kind, size = data[start : start + 4], int.from_bytes(data[start + 4 : start + 8], "little")
        if kind in (b"VP8 ", b"VP8L"):
            return kind, start + 8, min(end, start + 8 + size)
        if kind == b"ANMF":  # a frame: 16 bytes of header, and chunks of its own
            return _coded_pixels(data, start + 24, min(end, start + 8 + size))
        start += 8 + size + size % 2
    return b"", 0, 0


def _with_whole_blocks(frame: bytes) -> bytes:
    """Give a frame the sides that show its blocks wholly, of which it has as many then as before."""
    return frame[:6] + _whole(frame[_WIDTH]) + _whole(frame[_HEIGHT]) + frame[10:]


def _whole(side: bytes) -> bytes:
    length = int.from_bytes(side, "little") & _LENGTH_MASK
    return min(_LENGTH_MASK, -(-length // _BLOCK_SIDE) * _BLOCK_SIDE).to_bytes(2, "little")


def _file(kind: bytes, pixels: bytes) -> bytes:
    chunk = b"WEBP" + kind + len(pixels).to_bytes(4, "little") + pixels + bytes(len(pixels) % 2)
    return b"RIFF" + len(chunk).to_bytes(4, "little") + chunk
