"""Change picture files at random, to see what a decoder does with them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

MUTATIONS = ("flip", "byte", "u16le", "u16be", "u32le", "u32be", "delete", "repeat", "swap", "cut")

#: Numbers at which programs go wrong.
INTERESTING = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def mutate(data: bytes, kind: str, place: int, value: int) -> bytes:
    """Change a file in one way, at one place, by one value."""
    if not data:
        return data
    # Half of all places near the start, where the headers are.
    at = place // 2 % min(len(data), 120) if place % 2 else place // 2 % len(data)
    size = 1 + value % 40
    match kind:
        case "flip":
            return data[:at] + bytes([data[at] ^ 1 << value % 8]) + data[at + 1 :]
        case "delete":
            return data[:at] + data[at + size :]
        case "repeat":
            return data[:at] + data[at : at + size] * (1 + value % 50) + data[at + size :]
        case "swap":
            return data[:at] + data[at + size : at + 2 * size] + data[at : at + size] + data[at + 2 * size :]
        case "cut":
            return data[:at]
    form = {"byte": "B", "u16le": "<H", "u16be": ">H", "u32le": "<L", "u32be": ">L"}[kind]
    piece = struct.pack(form, value % 256 ** struct.calcsize(form))
    return data[:at] + piece + data[at + len(piece) :]


def mend(data: bytes) -> bytes:
    """Give every chunk of a PNG its right checksum again: readers look no further at a wrong one."""
    mended, at = data[:8], 8
    while len(piece := data[at : at + 8]) == 8:
        size = min(int.from_bytes(piece[:4], "big"), len(data))
        body = data[at + 4 : at + 8 + size]
        mended += piece[:4] + body + zlib.crc32(body).to_bytes(4, "big")
        at += 12 + size
    return mended


def damaged(seed: bytes, changes: Sequence[tuple[str, int, int]]) -> bytes:
    """Change a file in several ways; half of the PNGs get right checksums."""
    for change in changes:
        seed = mutate(seed, *change)
    return mend(seed) if seed.startswith(b"\x89PNG") and len(changes) % 2 else seed
