"""Directories of a TIFF, and those that only an attacker writes."""

from __future__ import annotations

import io
import lzma
import struct
from typing import Any

import numpy as np
import pytest
import tifffile

from visop.errors import ImageDecodeError, ImageTooLarge
from visop.images.decode import ImageLimits, decode_image
from visop.images.formats.limits import check_file
from visop.images.formats.tiff import Tiff
from visop.settings import Settings

_EXIF, _LONG, _SHORT, _ASCII = 34665, 4, 3, 2
LIMIT = 1000

Entry = tuple[int, int, int, int]


def tiff(*directories: list[Entry]) -> bytes:
    """A TIFF with directories that lie behind each other from byte 8."""
    body = b"".join(
        struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHLL", *entry) for entry in entries) + bytes(4)
        for entries in directories
    )
    return b"II*\0" + struct.pack("<L", 8) + body


def test_values_are_counted_also_in_the_directory_of_exif() -> None:
    data = tiff(
        [(256, _SHORT, 1, 9), (258, _SHORT, 3, 0), (270, _ASCII, 500, 0), (_EXIF, _LONG, 1, 62)], [(1, _SHORT, 7, 0)]
    )
    assert Tiff(data).count_values(LIMIT) == 1 + 3 + 1 + 1 + 7


@pytest.mark.parametrize("pointers", [1, 400, 60_000])
def test_a_directory_that_points_to_itself_is_counted_once(pointers: int) -> None:
    assert Tiff(tiff([(_EXIF, _LONG, 1, 8)] * pointers)).count_values(1_000_000) == pointers


def test_directories_that_overlap_are_counted_up_to_the_limit() -> None:
    """Each of 60,000 entries points to another place, where a directory of 8,000 entries and more begins."""
    data = tiff([(_EXIF, _LONG, 1, 8 + number) for number in range(60_000)])
    with pytest.raises(ImageTooLarge, match="TIFF values"):
        check_file(data)


def test_tiles_that_share_their_bytes_are_refused() -> None:
    """A file of 70 KB whose 10,000 tiles are the same 16 x 16 pixels is the work of 10,000 tiles."""
    side, count = 1600, 10_000
    tile = lzma.compress(bytes(256), format=lzma.FORMAT_XZ)
    offsets, sizes = 8 + len(tile), 8 + len(tile) + 4 * count
    tags = [
        (256, _LONG, 1, side),
        (257, _LONG, 1, side),
        (258, _SHORT, 1, 8),
        (259, _SHORT, 1, 34925),
        (262, _SHORT, 1, 1),
        (322, _LONG, 1, 16),
        (323, _LONG, 1, 16),
        (324, _LONG, count, offsets),
        (325, _LONG, count, sizes),
    ]
    at = 8 + len(tile) + 8 * count
    places = struct.pack("<L", 8) * count + struct.pack("<L", len(tile)) * count
    entries = b"".join(struct.pack("<HHLL", *tag) for tag in tags)
    data = b"II*\0" + struct.pack("<L", at) + tile + places + struct.pack("<H", len(tags)) + entries + bytes(4)
    with pytest.raises(ImageTooLarge, match="10,000 strips or tiles that share their bytes"):
        decode_image(data, ImageLimits.of(Settings()))


LAYOUTS = [
    pytest.param({}, id="strips"),
    pytest.param({"tile": (64, 64)}, id="tiles"),
    pytest.param({"planarconfig": "separate"}, id="planes"),
    pytest.param({"planarconfig": "separate", "tile": (64, 64)}, id="tiles of planes"),
]


def uncompressed(layout: dict[str, Any], sample: type[np.unsignedinteger[Any]]) -> tuple[bytes, np.ndarray[Any, Any]]:
    """A TIFF of noise without compression, and its pixels in 8 bits; its last tiles are filled up with zeros."""
    pixels = np.random.default_rng(1).integers(20, 255, (300, 451, 3), np.uint8)
    samples = pixels.astype(sample) * sample(257 if sample is np.uint16 else 1)
    file = io.BytesIO()
    planes = samples.transpose(2, 0, 1) if "planarconfig" in layout else samples
    tifffile.imwrite(file, planes, photometric="rgb", **layout)
    return file.getvalue(), pixels


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sample", [np.uint8, np.uint16])
def test_zeros_that_fill_up_a_tile_are_not_taken_for_damage(
    layout: dict[str, Any], sample: type[np.unsignedinteger[Any]]
) -> None:
    data, pixels = uncompressed(layout, sample)
    np.testing.assert_allclose(decode_image(data, ImageLimits.of(Settings())), pixels, atol=1)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_zeros_in_the_place_of_pixels_are_refused_in_any_layout(layout: dict[str, Any]) -> None:
    data, _ = uncompressed(layout, np.uint8)
    torn = data[:150_031] + bytes(40_000) + data[190_031:]  # not at the corner of a row
    with pytest.raises(ImageDecodeError, match="a part of its pixels is zeros"):
        decode_image(torn, ImageLimits.of(Settings()))
