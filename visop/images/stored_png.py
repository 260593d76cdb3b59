"""PNG without compression (ISO/IEC 15948): the pixels of an image for another process, at the cost of copying them.

Pillow compares five filters for every row even if nothing is compressed, which takes six times as long.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from visop.contract import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# 8 bits a sample, RGB; the only methods of compression and filtering; not interlaced.
_RGB = struct.pack(">5B", 8, 2, 0, 0, 0)


def stored_png(image: Image) -> bytes:
    """A file of an image, (h, w, 3) uint8 RGB; a little more than its bytes."""
    height, width = image.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each begins with its filter: none
    rows[:, 1:] = image.reshape(height, -1)
    header = struct.pack(">2I", width, height) + _RGB
    parts = [_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(rows.data, 0)), _chunk(b"IEND", b"")]
    return _SIGNATURE + b"".join(parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
