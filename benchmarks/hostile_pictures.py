"""Pictures that are small to send and dear to decode, one function for each kind. Send them to no server but yours.

python -m benchmarks.hostile_pictures     # what decoding each costs, in a process of its own
"""

from __future__ import annotations

import io
import multiprocessing
import resource
import struct
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image

from benchmarks.report import machine_facts, markdown_table
from visop.errors import VisopError
from visop.images.decode import ImageLimits, decode_image
from visop.settings import Settings

# 50 megapixels, square, and as the longest side of a WebP allows.
_SIDE = 7071
_WEBP_SIZE = 16383, 3051


def tiff_of_circles(entries: int = 400) -> bytes:
    """A directory whose entries all point at itself as their Exif directory."""
    return _tiff([(34665, 4, 1, 8)] * entries)


def jpeg_of_arithmetic_scans(scans: int = 100) -> bytes:
    """Arithmetic coding (T.81, annex D), of which a decoder makes zeros where the data end."""
    return _progressive(0xCA, b"", scans, b"")


def jpeg_of_huffman_scans(scans: int = 100) -> bytes:
    """Refinements of all coefficients, each a few runs of blocks with nothing in them (T.81, G.1.2.3)."""
    # Codes of the table: 0 for a run of 2^14 blocks and more, with 14 further bits, and 10 for a run of one.
    table = b"\x10" + bytes([1, 1] + [0] * 14) + b"\xe0\x00"
    blocks, bits = (-(-_SIDE // 8)) ** 2, ""
    while blocks >= 1 << 14:
        run = min(blocks, (1 << 15) - 1)
        bits += "0" + format(run - (1 << 14), "014b")
        blocks -= run
    return _progressive(0xC2, _segment(0xC4, table), scans, _stuffed(bits + "10" * blocks))


def jpeg_of_tables(tables: int = 270_000) -> bytes:
    """17 MB of quantisation tables before a small picture."""
    small = _saved(Image.new("RGB", (64, 64)), "JPEG")
    return small[:2] + _segment(0xDB, (b"\0" + b"\1" * 64) * 900) * (tables // 900) + small[2:]


def tiff_of_jpeg_tiles(scans: int = 96, side: int = 7056) -> bytes:
    """194,481 tiles of 16 x 16, which are all the same progressive JPEG."""
    tile = _saved(Image.new("L", (16, 16), 128), "JPEG", progressive=True)
    last = tile[tile.rindex(b"\xff\xda") : -2]
    return _tiles(tile[:-2] + last * (scans - tile.count(b"\xff\xda")) + tile[-2:], side)


def webp_of_an_animation() -> bytes:
    """A canvas of 50 megapixels with two frames of one pixel."""
    frame = _saved(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    width, height = (struct.pack("<L", side - 1)[:3] for side in _WEBP_SIZE)
    head = _chunk(b"VP8X", b"\x02\0\0\0" + width + height) + _chunk(b"ANIM", bytes(6))
    body = b"WEBP" + head + _chunk(b"ANMF", bytes(12) + b"\x0a\0\0\0" + frame) * 2
    return b"RIFF" + struct.pack("<L", len(body)) + body


def webp_of_one_colour() -> bytes:
    """50 megapixels of one colour in 2 KB."""
    return _saved(Image.new("RGB", _WEBP_SIZE, (1, 2, 3)), "WEBP", lossless=True)


def png_of_16_bits() -> bytes:
    """RGBA of 16 bits, 50 megapixels of nothing, with the dearest filter."""
    packer = zlib.compressobj(6)
    row = b"\4" + bytes(8 * _SIDE)
    data = b"".join(packer.compress(row) for _ in range(_SIDE)) + packer.flush()
    header = struct.pack(">LLBBBBB", _SIDE, _SIDE, 16, 6, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", data), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body)) for kind, body in chunks
    )


def tiff_of_floats() -> bytes:
    """50 megapixels of floating-point grey, deflated."""
    return _saved(Image.new("F", (_SIDE, _SIDE), 0.5), "TIFF", compression="tiff_adobe_deflate")


#: Every picture, by its name, and how many of it make one request.
PICTURES: Mapping[str, tuple[Callable[[], bytes], int]] = {
    **{
        make.__name__: (make, 1)
        for make in (
            tiff_of_circles,
            jpeg_of_arithmetic_scans,
            jpeg_of_huffman_scans,
            jpeg_of_tables,
            tiff_of_jpeg_tiles,
            webp_of_an_animation,
            png_of_16_bits,
            tiff_of_floats,
        )
    },
    "256_webps_of_one_colour": (webp_of_one_colour, 256),
}


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def _stuffed(bits: str) -> bytes:
    """Bits as the entropy-coded data of a JPEG: filled up with ones, and no byte that looks like a marker."""
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")


def _progressive(frame: int, tables: bytes, scans: int, data: bytes) -> bytes:
    """A grey JPEG with many scans that each refine all coefficients of 50 megapixels."""
    size = struct.pack(">BHHB", 8, _SIDE, _SIDE, 1) + bytes([1, 0x11, 0])
    head = b"\xff\xd8" + _segment(0xDB, b"\0" + b"\1" * 64) + _segment(frame, size) + tables
    return head + (_segment(0xDA, bytes([1, 1, 0, 1, 63, 0x10])) + data) * scans + b"\xff\xd9"


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<L", len(body)) + body + bytes(len(body) % 2)


def _tiff(tags: Sequence[tuple[int, int, int, int]], before: bytes = b"") -> bytes:
    """A TIFF with one directory, of which each entry is: tag, type, count, value or offset."""
    entries = b"".join(struct.pack("<HHLL", *tag) for tag in sorted(tags))
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<L", 8 + len(before)) + before + directory


def _tiles(tile: bytes, side: int) -> bytes:
    """A grey TIFF of compression 7 (JPEG) whose tiles are all stored at one place."""
    count = (side // 16) ** 2
    stored = tile + bytes(len(tile) % 2)
    lists = struct.pack("<H", 8) * count + struct.pack("<H", len(tile)) * count
    short, long = 3, 4
    tags = [
        *((256, long, 1, side), (257, long, 1, side), (258, short, 1, 8), (259, short, 1, 7), (262, short, 1, 1)),
        *((277, short, 1, 1), (322, long, 1, 16), (323, long, 1, 16), (324, short, count, 8 + len(stored))),
        (325, short, count, 8 + len(stored) + 2 * count),
    ]
    return _tiff(tags, stored + lists)


def main() -> None:
    """Print what decoding each costs, at most half a minute."""
    print(machine_facts(), "\n", flush=True)
    rows = []
    for name, (make, count) in PICTURES.items():
        data = make()
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            cpu_s, mib, outcome = pool.apply(_cost, (data,))
        rows.append((name, str(count), f"{len(data):,}", f"{cpu_s:.2f}", f"{mib:.0f}", outcome))
    print(markdown_table(("picture", "in a request", "bytes", "CPU s", "MiB", "outcome"), rows))


def _cost(data: bytes) -> tuple[float, float, str]:
    """CPU seconds, MiB more than before, and what became of it."""
    resource.setrlimit(resource.RLIMIT_CPU, (40, 40))
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        outcome = "decoded to {} x {}".format(*decode_image(data, ImageLimits.of(Settings()), 224).shape[1::-1])
    except VisopError as error:
        outcome = str(error)
    cpu_s = time.process_time() - started
    return cpu_s, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, outcome


if __name__ == "__main__":
    main()
