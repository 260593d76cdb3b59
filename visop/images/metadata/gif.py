"""A GIF without what its pixels do not need (GIF89a specification)."""

from __future__ import annotations

from visop.errors import ImageDecodeError

_HEADER_BYTES, _FRAME_BYTES = 13, 10
_EXTENSION, _FRAME, _END = 0x21, 0x2C, 0x3B
_TIMES, _APPLICATION = 0xF9, 0xFF
# How often an animation runs; of others, XMP is one.
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_LOOP_BYTES = 19
_MAX_BLOCKS = 100_000


def gif_without_metadata(data: bytes) -> bytes:
    """Keep the frames of a file and how they are shown, without comments and what applications write.

    Raises:
        ImageDecodeError: the file has no end, or implausibly many blocks.
    """
    position = _HEADER_BYTES + _table_bytes(data[10])
    kept = [data[:position]]
    for _ in range(_MAX_BLOCKS):
        kind = data[position : position + 1]
        if kind == bytes([_END]):
            return b"".join([*kept, kind])
        end = _end_of(data, position)
        if kind[0] == _FRAME or _is_needed(data[position:end]):
            kept.append(data[position:end])
        position = end
    raise _no_end()


def _is_needed(block: bytes) -> bool:
    loops = block[1] == _APPLICATION and block[3:14] in _LOOPS and len(block) <= _LOOP_BYTES
    return block[1] == _TIMES or loops


def _end_of(data: bytes, start: int) -> int:
    """Where the block that begins there ends."""
    if data[start : start + 1] == bytes([_FRAME]) and start + _FRAME_BYTES <= len(data):
        position = start + _FRAME_BYTES + _table_bytes(data[start + 9]) + 1
    elif data[start : start + 1] == bytes([_EXTENSION]):
        position = start + 2
    else:
        raise _no_end()
    while position < len(data):
        if data[position] == 0:
            return position + 1
        position += 1 + data[position]
    raise _no_end()


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _no_end() -> ImageDecodeError:
    return ImageDecodeError("image has no end")
