"""Make the files that the search for the worst picture begins with: every format and mode, small and large."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image as PILImage

from visop.images.formats.heif import has_heif

# Name -> mode, Pillow's name and options. Those from the second table are made small only: writing them takes long.
_PLAN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "JPEG, baseline": ("RGB", "JPEG", {"subsampling": 0}),
    "JPEG, progressive": ("RGB", "JPEG", {"progressive": True, "subsampling": 0}),
    "JPEG, progressive CMYK": ("CMYK", "JPEG", {"progressive": True}),
    "PNG, RGB": ("RGB", "PNG", {}),
    "PNG, RGBA": ("RGBA", "PNG", {}),
    "PNG, 16 bits": ("I;16", "PNG", {}),
    "GIF": ("P", "GIF", {}),
    "WEBP, lossy": ("RGB", "WEBP", {"quality": 1, "method": 0}),
    "WEBP, lossless": ("RGBA", "WEBP", {"lossless": True, "method": 0, "quality": 0}),
    "AVIF": ("RGB", "AVIF", {"speed": 10}),
    "BMP, 1 bit": ("1", "BMP", {}),
    "TIFF, float": ("F", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "TIFF, CMYK": ("CMYK", "TIFF", {"compression": "tiff_adobe_deflate"}),
    "TIFF, Lab": ("LAB", "TIFF", {"compression": "tiff_lzw"}),
    "TIFF, LZMA": ("RGB", "TIFF", {"compression": "lzma"}),
    "TIFF, Zstandard": ("RGBA", "TIFF", {"compression": "zstd"}),
    "TIFF, PackBits": ("RGB", "TIFF", {"compression": "packbits"}),
    "TIFF, JPEG": ("RGB", "TIFF", {"compression": "jpeg"}),
}
_SMALL_PLAN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "MPO": ("RGB", "MPO", {"save_all": True}),
    "PNG, palette, animated": ("P", "PNG", {"save_all": True}),
    "GIF, animated": ("RGB", "GIF", {"save_all": True}),
    "WEBP, animated": ("RGB", "WEBP", {"save_all": True}),
    "AVIF, animated": ("RGB", "AVIF", {"save_all": True, "speed": 10}),
    "BMP, RGB": ("RGB", "BMP", {}),
    "TIFF, uncompressed": ("RGB", "TIFF", {}),
    **({"HEIF": ("RGB", "HEIF", {})} if has_heif() else {}),
}

_SMALL, _LARGE = (512, 512), (16_383, 4089)


def seeds(*, large: bool, only: Sequence[str] = ()) -> Iterator[tuple[str, bytes]]:
    """Yield names and files: of a quarter of a megapixel, or of 67 megapixels that are flat; ``only`` of such names."""
    for name, (mode, kind, options) in (_PLAN if large else _PLAN | _SMALL_PLAN).items():
        if not only or name.startswith(tuple(only)):
            yield name, _encoded(_picture(mode, large=large), kind, options)
    if large:
        made = {"WEBP, animation of one pixel": _webp_animation, "JPEG, most scans": _jpeg_of_most_scans}
        yield from ((name, make()) for name, make in made.items() if not only or name.startswith(tuple(only)))


def _picture(mode: str, *, large: bool) -> PILImage.Image:
    if large:
        return PILImage.new(mode, _LARGE)
    rng = np.random.default_rng(0)
    coarse = PILImage.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    picture = coarse.resize(_SMALL, PILImage.Resampling.BICUBIC)
    if mode == "I;16":
        return PILImage.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    if mode == "F":
        return PILImage.fromarray(np.asarray(picture.convert("L")).astype(np.float32) / 255)
    return PILImage.new("LAB", _SMALL, (100, 3, 3)) if mode == "LAB" else picture.convert(mode)


def _encoded(picture: PILImage.Image, kind: str, options: dict[str, Any]) -> bytes:
    more = {"append_images": [picture.rotate(90)] * 3} if options.get("save_all") else {}
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options, **more)
    return buffer.getvalue()


def _webp_animation() -> bytes:
    """A canvas of 67 megapixels and two frames of one pixel."""
    pixel = _encoded(PILImage.new("RGB", (1, 1)), "WEBP", {"lossless": True})[12:]
    size = b"".join(struct.pack("<L", side - 1)[:3] for side in _LARGE)
    frame = bytes(12) + b"\x0a\0\0\0" + pixel
    chunks = [(b"VP8X", b"\2\0\0\0" + size), (b"ANIM", struct.pack("<LH", 0, 0)), (b"ANMF", frame), (b"ANMF", frame)]
    body = b"WEBP" + b"".join(kind + struct.pack("<L", len(each)) + each for kind, each in chunks)
    return b"RIFF" + struct.pack("<L", len(body)) + body


def _jpeg_of_most_scans() -> bytes:
    """Progressive: 29 refinements of one component, each a run of empty blocks (T.81, G.1.2.3)."""
    width, height = _LARGE
    blocks = -(-width // 8) * -(-height // 8)
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"
    runs, left = "", blocks
    while left:  # of 16,384 to 32,767 blocks, with the code 0 and 14 bits; of one block, with the code 10
        run = min(left, 32_767)
        runs, left = runs + ("0" + format(run - 16_384, "014b") if run >= 16_384 else "10" * run), left - run
    empty = int(runs + "1" * (-len(runs) % 8), 2).to_bytes(-(-len(runs) // 8)).replace(b"\xff", b"\xff\0")
    pieces = [
        _segment(0xDB, b"\0" + b"\1" * 64),
        _segment(0xC2, frame),
        _segment(0xC4, b"\x10" + bytes([1, 1, *[0] * 14]) + b"\xe0\0"),
        _segment(0xC4, b"\0" + bytes([1, *[0] * 15]) + b"\0"),
        _segment(0xDA, b"\1\1\0\0\0\0") + bytes(-(-blocks // 8)),
        (_segment(0xDA, b"\1\1\0\1\x3f\x10") + empty) * 29,
    ]
    return b"\xff\xd8" + b"".join(pieces) + b"\xff\xd9"


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
