"""A PNG without what its pixels do not need (PNG, third edition, section 11)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from visop.errors import ImageDecodeError

_SIGNATURE_BYTES, _AROUND_BODY = 8, 12
_MAX_CHUNKS = 100_000

# Pixels, frames and what they look like; no texts, times, Exif and chunks of applications.
_KEPT = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT cICP mDCV cLLI bKGD pHYs acTL fcTL fdAT".split())


def png_without_metadata(data: bytes, exif: bytes) -> bytes:
    """Keep the pixels and colours of a file, up to its end mark.

    Args:
        data: the file.
        exif: a TIFF structure that takes the place of its Exif; none if empty.

    Raises:
        ImageDecodeError: the file has no end, or implausibly many chunks.
    """
    kept = [data[:_SIGNATURE_BYTES]]
    for kind, chunk in _chunks(data):
        if kind in _KEPT:
            kept.append(chunk)
        if kind == b"IHDR" and exif:
            kept.append(_chunk(b"eXIf", exif))
    return b"".join(kept)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind of each chunk, and all of it."""
    position = _SIGNATURE_BYTES
    for _ in range(_MAX_CHUNKS):
        end = position + _AROUND_BODY + int.from_bytes(data[position : position + 4])
        if end > len(data):
            break
        kind = data[position + 4 : position + 8]
        yield kind, data[position:end]
        if kind == b"IEND":
            return
        position = end
    raise ImageDecodeError("image has no end")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))
