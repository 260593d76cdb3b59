"""Exif that says how a picture is turned, and nothing else (CIPA DC-008, 4.6)."""

from __future__ import annotations

import struct

_HEADER = b"MM\0*" + struct.pack(">L", 8)
_ORIENTATION, _SHORT = 0x0112, 3


def orientation_exif(orientation: int) -> bytes:
    """The TIFF structure with one tag; empty if the picture is upright.

    Args:
        orientation: 1 (upright) to 8.
    """
    if not 2 <= orientation <= 8:
        return b""
    return _HEADER + struct.pack(">HHHLHHL", 1, _ORIENTATION, _SHORT, 1, orientation, 0, 0)
