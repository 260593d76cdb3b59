"""JPEGs that are built to be expensive are refused by their headers, and no others."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from PIL import Image as PILImage

from visop.errors import ImageDecodeError, ImageTooLarge
from visop.images.decode import ImageLimits, decode_image
from visop.images.formats.jpeg_cost import check_jpeg, check_jpeg_strips, cost_of
from visop.settings import Settings

LIMITS = ImageLimits.of(Settings())


def encode(mode: str = "RGB", side: int = 16, **options: Any) -> bytes:
    buffer = io.BytesIO()
    PILImage.new(mode, (side, side), 128 if mode == "L" else (1, 2, 3, 4)[: len(mode)]).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def resized(data: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header says another size."""
    at = max(data.find(b"\xff\xc2"), data.find(b"\xff\xc0"))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def with_scans(data: bytes, count: int) -> bytes:
    """A progressive JPEG whose last scan comes again until there are so many."""
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (count - data.count(b"\xff\xda")) + data[-2:]


def with_tables(data: bytes, tables: bytes, count: int) -> bytes:
    return data[:2] + (b"\xff\xdb" + struct.pack(">H", 2 + len(tables)) + tables) * count + data[2:]


def test_blocks_are_those_of_every_component_of_every_scan() -> None:
    assert cost_of(encode(side=100, subsampling=0)).blocks == 3 * 13 * 13
    assert cost_of(encode(side=100, subsampling=2)).blocks == 13 * 13 + 2 * 7 * 7
    progressive = cost_of(encode("L", side=100, progressive=True))
    assert progressive.blocks == progressive.scans * 13 * 13


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_a_progressive_picture_of_67_megapixels_passes(mode: str) -> None:
    check_jpeg(resized(encode(mode, progressive=True, subsampling=0), 8192, 8176))


def test_twenty_megapixels_with_a_hundred_scans_pass() -> None:
    check_jpeg(resized(with_scans(encode("L", progressive=True), 100), 5000, 4000))


def test_a_small_file_whose_scans_pass_over_many_pixels_is_refused() -> None:
    data = resized(with_scans(encode("L", progressive=True), 96), 7071, 7071)
    assert len(data) < 3000
    with pytest.raises(ImageTooLarge, match=r"image has 96 scans of 75,0.* blocks together, the limit is 32,000,000"):
        decode_image(data, LIMITS)


def test_a_file_of_many_tables_is_refused() -> None:
    data = with_tables(encode(), (b"\0" + b"\1" * 64) * 900, 10)
    with pytest.raises(ImageTooLarge, match=r"image has 585,[0-9]* bytes of tables, the limit is 262,144"):
        decode_image(data, LIMITS)


def test_a_file_of_many_resources_of_photoshop_is_refused() -> None:
    data = encode()
    resources = b"\xff\xed" + struct.pack(">H", 2 + 60_014) + b"Photoshop 3.0\0" + b"8BIM\0\0\0\0\0\0\0\0" * 5000
    with pytest.raises(ImageTooLarge, match="image has 15,000 Photoshop resources, the limit is 10,000"):
        decode_image(data[:2] + resources * 3 + data[2:], LIMITS)


def test_arithmetic_coding_is_refused_in_a_tiff_too() -> None:
    data = encode().replace(b"\xff\xc0", b"\xff\xc9")
    with pytest.raises(ImageDecodeError, match="image is a JPEG with arithmetic coding, which is not decoded"):
        decode_image(data, LIMITS)
    with pytest.raises(ImageDecodeError, match="tiles are each a JPEG with arithmetic coding"):
        check_jpeg_strips([data])


def test_tiles_of_67_megapixels_pass() -> None:
    """256 x 256 is what programs write; 64 x 64, each with tables of its own, is far less than that."""
    check_jpeg_strips([encode(side=256)] * 1024)
    check_jpeg_strips([encode(side=64)] * 16_384)


def test_tiles_of_many_scans_are_refused() -> None:
    with pytest.raises(ImageTooLarge, match=r"first [0-9,]+ strips or tiles of JPEG take as much work as 32,000,000"):
        check_jpeg_strips([with_scans(encode("L", side=256, progressive=True), 96)] * 1024)


def test_the_smallest_tiles_are_refused_when_they_are_very_many() -> None:
    with pytest.raises(ImageTooLarge, match="strips or tiles of JPEG take as much work"):
        check_jpeg_strips([encode("L")] * 60_000)
