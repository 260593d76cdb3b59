"""Unpack deflate without keeping what comes out, to see how much it is and whether it is whole."""

from __future__ import annotations

import zlib
from typing import Any

# What is fed in at once is copied once for every piece that comes out of it.
_IN, _OUT = 2**16, 2**20


def inflated(unpacker: Any, data: bytes | memoryview, most: float) -> int:
    """Unpack until the end of the data or of the stream, or until there are more than ``most`` bytes.

    Args:
        unpacker: a ``zlib.decompressobj``, which may have unpacked what came before.
        data: compressed.
        most: bytes after which the rest does not matter.

    Returns:
        How many bytes came out.

    Raises:
        zlib.error: the data are corrupt.
    """
    total = 0
    for at in range(0, len(data), _IN):
        rest = bytes(data[at : at + _IN])
        while rest and not unpacker.eof and total <= most:
            total += len(unpacker.decompress(rest, _OUT))
            rest = unpacker.unconsumed_tail
        if unpacker.eof or total > most:
            break
    return total


def inflates(data: bytes | memoryview, most: float) -> int | None:
    """Return how many bytes a whole deflate stream unpacks to; None if it is corrupt, incomplete or above ``most``."""
    unpacker = zlib.decompressobj()
    try:
        total = inflated(unpacker, data, most)
        if total > most:
            return None
        total += len(unpacker.flush())  # of what was fed in, little can be left
    except zlib.error:
        return None
    return total if unpacker.eof else None
