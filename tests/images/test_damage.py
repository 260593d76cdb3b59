"""A damaged file is refused, or what is decoded of it is the whole picture."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageOps

from visop.errors import ImageDecodeError, ImageTooLarge
from visop.images.decode import ImageLimits, decode_image
from visop.images.formats.av1 import largest_size
from visop.images.formats.boxes import find_pictures
from visop.images.formats.heif import has_heif
from visop.images.formats.jpeg_segments import has_all_scans, has_zero_quantisers
from visop.synthetic.generate import generate_picture

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO", "AVIF")
LIMITS = ImageLimits(max_bytes=2**24, max_pixels=50_000_000, max_frames=100, formats=FORMATS)
WITH_HEIF = replace(LIMITS, formats=("HEIF", *FORMATS))

PICTURE = PILImage.fromarray(generate_picture(5, 256))
ENDS = {"JPEG": b"\xff\xd9", "MPO": b"\xff\xd9", "PNG": b"\0\0\0\0IEND\xaeB`\x82", "GIF": b"\0;"}

# Formats of which damage is found wherever it is.
CHECKED = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"restart_marker_rows": 1}),
    ("MPO", {"save_all": True, "append_images": [PICTURE.rotate(180)]}),
    ("PNG", {}),
    ("GIF", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"save_all": True, "append_images": [PICTURE.rotate(180)]}),
    ("AVIF", {"speed": 9}),
    ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", {"compression": "lzma"}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "jpeg"}),
]
UNCOMPRESSED: list[tuple[str, dict[str, Any]]] = [("BMP", {}), ("TIFF", {})]


def spoken(value: object) -> str:
    """For the name of a test, which must be the same in every process."""
    return (
        " ".join(f"{name}={each}" for name, each in value.items() if name != "append_images")
        if isinstance(value, dict)
        else str(value)
    )


def encode(image: PILImage.Image, kind: str, **options: Any) -> bytes:
    assert kind != "HEIF" or has_heif()
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def middle(data: bytes, piece: bytes) -> bytes:
    """Overwrite bytes in the first third of a file, which is its first picture where there are several."""
    start = len(data) // 4
    return data[:start] + piece + data[start + len(piece) :]


def with_end(data: bytes, end: bytes) -> bytes:
    """Zeros from the first third on, but for the end mark."""
    start = len(data) // 3
    return data[:start] + bytes(len(data) - start - len(end)) + end


def assert_refused(data: bytes) -> None:
    with pytest.raises(ImageDecodeError, match="damaged"):
        decode_image(data, LIMITS)


@pytest.mark.parametrize(("kind", "options"), [*CHECKED, *UNCOMPRESSED], ids=spoken)
def test_half_a_file_is_refused(kind: str, options: dict[str, Any]) -> None:
    data = encode(PICTURE, kind, **options)
    assert decode_image(data, LIMITS).shape[:2] == (PICTURE.height, PICTURE.width)
    third = len(data) // 3
    assert_refused(data[:third])
    assert_refused(data[:third] + ENDS.get(kind, b""))
    assert_refused(data[:third] + bytes(len(data) - third))
    assert_refused(with_end(data, ENDS.get(kind, b"")))


@pytest.mark.parametrize(("kind", "options"), CHECKED, ids=spoken)
def test_noise_and_zeros_in_the_middle_are_refused(kind: str, options: dict[str, Any]) -> None:
    data = encode(PICTURE, kind, **options)
    size = min(4096, len(data) // 10)
    assert_refused(middle(data, bytes(size)))
    assert_refused(middle(data, random.Random(0).randbytes(size)))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF", "PNG"])
def test_an_honest_file_is_decoded_whatever_it_shows(kind: str) -> None:
    flats = [PILImage.new(mode, (300, 200), colour) for mode, colour in (("L", 0), ("L", 255), ("RGB", "teal"))]
    for image in (*flats, PICTURE.resize((1, 1)), PICTURE.resize((17, 3)), PICTURE.quantize(5).convert("RGB")):
        file = encode(image, kind, **({"speed": 10} if kind == "AVIF" else {}))
        assert decode_image(file, LIMITS).shape == (image.height, image.width, 3)


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("size", [(200, 133), (24, 32), (63, 177), (17, 250)], ids=str)
def test_pixels_outside_of_the_picture_are_no_damage(kind: str, size: tuple[int, int]) -> None:
    """Blocks reach over the edge; those that are nearly invisible have many bytes at high quality."""
    image = PICTURE.resize(size)
    data = encode(image, kind, quality=95, **({"speed": 10} if kind == "AVIF" else {}))
    assert decode_image(data, WITH_HEIF).shape == (image.height, image.width, 3)


def test_pixels_that_are_transparent_are_no_damage() -> None:
    image = PICTURE.convert("RGBA")
    image.paste((0, 0, 0, 0), (0, image.height // 2, *image.size))
    assert decode_image(encode(image, "WEBP"), LIMITS)[-1].min() == 255


# JPEG


def jpeg(**options: Any) -> bytes:
    return encode(PICTURE, "JPEG", **options)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: data[:-2], id="no end mark"),
        pytest.param(lambda data: data[:-1], id="half an end mark"),
        pytest.param(lambda data: data[:-2] + bytes(3) + data[-2:], id="zeros before the end mark"),
        pytest.param(lambda data: data[:-2] + bytes(500) + data[-2:], id="many zeros before the end mark"),
        pytest.param(lambda data: data[:-2] + bytes(64), id="zeros and no end mark"),
        pytest.param(lambda data: data[:-2] + b"\xff\xff" + data[-2:], id="filling before the end mark"),
        pytest.param(lambda data: data + b"a film", id="something behind it"),
        pytest.param(lambda data: data[:11] + b"\x07" + data[12:-2], id="another JFIF, no end mark"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=str)
def test_a_whole_jpeg_is_decoded_whatever_is_around_it(
    change: Callable[[bytes], bytes], options: dict[str, Any]
) -> None:
    data = jpeg(**options)
    np.testing.assert_array_equal(decode_image(change(data), LIMITS), decode_image(data, LIMITS))


def test_a_jpeg_without_some_of_its_scans_is_refused() -> None:
    data = jpeg(progressive=True)
    scans = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    assert has_all_scans(data)
    for scan in scans[1:]:
        with pytest.raises(ImageDecodeError, match="damaged JPEG: some of its scans are missing"):
            decode_image(data[:scan] + b"\xff\xd9", LIMITS)


def test_a_jpeg_whose_tables_are_zeros_is_refused() -> None:
    data = jpeg()
    table = data.index(b"\xff\xdb") + 5
    with pytest.raises(ImageDecodeError, match="damaged JPEG: its tables are corrupt"):
        decode_image(data[:table] + bytes(64) + data[table + 64 :], LIMITS)


def test_a_zero_in_the_second_table_of_a_segment_is_found() -> None:
    """As cameras write them: all tables in one segment."""
    data = jpeg()
    first, second = (at for at in range(len(data)) if data[at : at + 2] == b"\xff\xdb")
    tables = data[first + 4 : first + 69] + data[second + 4 : second + 69]
    joined = data[:first] + b"\xff\xdb" + struct.pack(">H", 2 + len(tables)) + tables + data[second + 69 :]
    np.testing.assert_array_equal(decode_image(joined, LIMITS), decode_image(data, LIMITS))
    assert not has_zero_quantisers(joined)
    at = first + 4 + 65 + 10
    assert has_zero_quantisers(joined[:at] + b"\0" + joined[at + 1 :])


@pytest.mark.parametrize(
    ("mode", "options"), [("L", {}), ("CMYK", {}), ("RGB", {"subsampling": 0}), ("RGB", {"progressive": True})]
)
@pytest.mark.parametrize("side", [None, 64])
def test_the_strict_decoder_gives_the_pixels_of_pillow(mode: str, options: dict[str, Any], side: int | None) -> None:
    data = encode(PICTURE.convert(mode), "JPEG", **options)
    with PILImage.open(io.BytesIO(data)) as expected:
        if side:
            expected.draft(None, (side, side))
        np.testing.assert_array_equal(decode_image(data, LIMITS, side), np.asarray(expected.convert("RGB")))


@pytest.mark.parametrize("sampling", ["3x1", "4x1", "2x4"])
def test_a_jpeg_of_unusual_sampling_is_decoded(sampling: str) -> None:
    try:
        ppm = encode(PICTURE, "PPM")
        data = subprocess.run(["cjpeg", "-sample", sampling], input=ppm, capture_output=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("no cjpeg on this machine to make such a file with")
    np.testing.assert_array_equal(decode_image(data, LIMITS), np.asarray(PILImage.open(io.BytesIO(data))))


# PNG


def chunk(kind: bytes, body: bytes, checksum: int = 0) -> bytes:
    right = zlib.crc32(kind + body)
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", right ^ checksum)


def png(rows: bytes, *chunks: bytes, width: int = 4, height: int = 4, interlace: int = 0) -> bytes:
    header = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, 8, 0, 0, 0, interlace))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


ROWS = b"\0\x80\x90\xa0\xb0" * 4


@pytest.mark.parametrize(("cut", "instead"), [(1, b""), (4, b""), (7, b""), (12, b""), (1, b"x"), (4, b"xxxx")])
def test_a_png_whose_end_is_damaged_or_cut_off_is_whole(cut: int, instead: bytes) -> None:
    assert decode_image(png(ROWS)[:-cut] + instead, LIMITS)[0, 0].tolist() == [128] * 3


@pytest.mark.parametrize("kind", [b"pHYs", b"tEXt", b"zTXt", b"tIME", b"bKGD", b"sPLT", b"abCd"])
def test_a_wrong_checksum_where_nobody_looks_does_no_harm(kind: bytes) -> None:
    assert decode_image(png(ROWS, chunk(kind, b"123456789", checksum=1)), LIMITS)[0, 0].tolist() == [128] * 3


@pytest.mark.parametrize("kind", [b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"iCCP", b"eXIf", b"ABCD"])
def test_a_wrong_checksum_in_what_decides_about_the_looks_is_refused(kind: bytes) -> None:
    with pytest.raises(ImageDecodeError, match=rf"damaged PNG: its {kind.decode()} chunk has a wrong checksum"):
        decode_image(png(ROWS, chunk(kind, b"123456", checksum=1)), LIMITS)


@pytest.mark.parametrize(
    "text",
    [
        chunk(b"tEXt", b"a\0" + b"x" * 2_000_000),
        chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 2_000_000)),
        chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(b"x" * 2_000_000)),
    ],
    ids=["tEXt", "zTXt", "iTXt"],
)
def test_a_png_with_a_very_long_text_is_decoded(text: bytes) -> None:
    assert decode_image(png(ROWS, text), LIMITS)[0].max() == 0xB0


@pytest.mark.parametrize("interlace", [0, 1])
def test_a_png_with_fewer_rows_than_it_says_is_refused(interlace: int) -> None:
    with pytest.raises(ImageDecodeError, match=r"damaged.* PNG"):
        decode_image(png(ROWS[:10], interlace=interlace), LIMITS)


def test_a_png_without_its_end_is_decoded() -> None:
    data = png(ROWS)
    np.testing.assert_array_equal(decode_image(data[:-12], LIMITS), decode_image(data, LIMITS))


def test_a_black_png_is_decoded() -> None:
    assert decode_image(png(bytes(20)), LIMITS).max() == 0


# Without compression


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_black_is_no_damage(kind: str) -> None:
    framed = ImageOps.expand(PICTURE, border=5)
    barred = PILImage.new("RGB", (256, 256))
    barred.paste(PICTURE, (0, 56))
    turned = PICTURE.rotate(2, expand=True, resample=PILImage.Resampling.BICUBIC)
    tilted = PILImage.new("RGB", (256, 256))
    tilted.paste(PICTURE.resize((256, 256)), (0, 0))
    tilted.paste((20, 20, 20), (0, 100, 120, 101))  # an edge that is half a pixel high here
    tilted.paste((0, 0, 0), (120, 100, 256, 101))
    tilted.paste((0, 0, 0), (0, 101, 256, 256))
    drawn = PILImage.new("L", (256, 256), "white")
    drawn.paste(0, (0, 90, 256, 200))
    drawn.paste(0, (0, 200, 248, 201))
    for image in (framed, barred, turned, tilted, drawn, PICTURE.convert("1"), PILImage.new("RGB", (50, 50))):
        assert decode_image(encode(image, kind), LIMITS).shape == (image.height, image.width, 3)


@pytest.mark.parametrize(
    ("piece", "name"),
    [(bytes(4096), "zeros"), (b"\xff" * 4096, "bytes of 255"), (random.Random(0).randbytes(4096), "noise")],
    ids=["zeros", "255", "noise"],
)
@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_a_sector_of_something_else_is_no_picture(kind: str, piece: bytes, name: str) -> None:
    with pytest.raises(ImageDecodeError, match=f"damaged {kind}: a part of its pixels is {name}"):
        decode_image(middle(encode(PICTURE, kind), piece), LIMITS)


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_noise_and_white_with_an_outline_are_no_damage(kind: str) -> None:
    noise = PILImage.frombytes("RGB", (256, 256), random.Random(1).randbytes(3 * 256 * 256))
    images = [noise, ImageOps.expand(PICTURE, border=7, fill="white"), PICTURE.convert("P"), noise.convert("P")]
    for box in ((0, 90, 256, 120), (0, 200, 256, 256), (0, 0, 256, 40), (40, 60, 256, 100), (30, 30, 99, 99)):
        images.append(PICTURE.resize((256, 256)))
        images[-1].paste(noise.crop(box), box)
        images.append(PICTURE.resize((256, 256)))
        images[-1].paste("white", box)
    for image in images:
        assert decode_image(encode(image, kind), LIMITS).shape == (image.height, image.width, 3)


def test_a_bmp_that_lacks_a_byte_is_refused() -> None:
    with pytest.raises(ImageDecodeError, match="damaged BMP: its pixels end early"):
        decode_image(encode(PICTURE.resize((255, 99)), "BMP")[:-1], LIMITS)


# AVIF, HEIF


def test_an_avif_whose_coded_picture_is_larger_than_it_says_is_refused() -> None:
    data = encode(PILImage.new("RGB", (1000, 1000), "teal"), "AVIF", speed=10)
    size = data.index(b"ispe") + 8
    liar = data[:size] + struct.pack(">LL", 16, 16) + data[size + 8 :]
    with pytest.raises(ImageTooLarge, match=r"image has 1,000,000 pixels, the limit is 999,999 \(OP_MAX_PIXELS\)"):
        decode_image(liar, replace(LIMITS, max_pixels=999_999))


@pytest.mark.parametrize(
    "options",
    [{}, {"subsampling": "4:4:4"}, {"save_all": True, "append_images": [PICTURE] * 2}, {"range": "limited"}],
    ids=lambda options: str(list(options)),
)
def test_the_size_of_an_avif_is_found_in_its_coded_data(options: dict[str, Any]) -> None:
    data = encode(PICTURE, "AVIF", speed=10, **options)
    pictures = find_pictures(data)
    assert {largest_size(data, *place) for place in pictures.starts} == {PICTURE.size}
    assert (pictures.main is None) == ("save_all" in options)


def test_a_heic_is_decoded_where_its_package_is_installed() -> None:
    data = encode(PICTURE, "HEIF", quality=90)
    image = decode_image(data, WITH_HEIF)
    assert np.abs(image.astype(int) - np.asarray(PICTURE)).mean() < 4
    with pytest.raises(ImageDecodeError, match="damaged HEIF"):
        decode_image(middle(data, bytes(1000)), WITH_HEIF)
    with pytest.raises(ImageDecodeError, match="damaged HEIF: a part of its pixels is bytes of 255"):
        decode_image(middle(data, b"\xff" * 1000), WITH_HEIF)
    with pytest.raises(ImageDecodeError, match="damaged HEIF: its compressed data are corrupt"):
        decode_image(middle(data, random.Random(0).randbytes(1000)), WITH_HEIF)
