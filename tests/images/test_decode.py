from __future__ import annotations

import gc
import io
import struct
import threading
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageOps, _imaging

from tests.conftest import note
from visop.errors import ImageDecodeError, ImageTooLarge, UsageError, VisopError
from visop.images.decode import ImageLimits, decode_image, resize_image
from visop.images.formats.limits import MeteredFile

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO")
ORIENTATION = 0x0112


def limits(**changes: Any) -> ImageLimits:
    values: dict[str, Any] = {"max_bytes": 2**24, "max_pixels": 50_000_000, "max_frames": 100, "formats": FORMATS}
    return ImageLimits(**(values | changes))


def picture(width: int = 40, height: int = 30) -> PILImage.Image:
    """Smooth, with a different colour in every corner."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return PILImage.fromarray(np.stack([x, y, 255 - x], axis=-1).astype(np.uint8))


def encode(image: PILImage.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def frames(count: int) -> list[PILImage.Image]:
    return [PILImage.new("RGB", (8, 8), (index * 20, 0, 0)) for index in range(count)]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def after_png_header(png: bytes, chunks: bytes) -> bytes:
    return png[:33] + chunks + png[33:]


def png_of(width: int, height: int, bits: int, kind: int, rows: bytes) -> bytes:
    header = struct.pack(">LLBBBBB", width, height, bits, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def tiff_of(*tags: tuple[int, int, int, int], tail: bytes = b"") -> bytes:
    """A 16 x 16 grey TIFF with more tags: (tag, type, count, value or offset)."""
    basic = [(256, 4, 1, 16), (257, 4, 1, 16), (258, 4, 1, 8), (259, 4, 1, 1), (262, 4, 1, 1), (277, 4, 1, 1)]
    entries = sorted([*basic, *tags])
    body = b"".join(struct.pack("<HHLL", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<LH", 8, len(entries)) + body + bytes(4) + tail


# Formats and modes


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_a_lossless_format_is_decoded_exactly(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    image = decode_image(encode(picture(), kind, **options), limits())
    assert (image == np.asarray(picture())).all()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"optimize": True}], ids=str)
def test_a_jpeg_is_decoded_as_pillow_does(options: dict[str, Any]) -> None:
    data = encode(picture(), "JPEG", **options)
    assert (decode_image(data, limits()) == np.asarray(PILImage.open(io.BytesIO(data)))).all()


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma"])
def test_a_compressed_tiff_is_decoded(compression: str) -> None:
    image = decode_image(encode(picture(), "TIFF", compression=compression), limits())
    assert np.abs(image.astype(int) - np.asarray(picture())).max() <= (12 if compression == "jpeg" else 0)


def test_the_array_is_contiguous_and_read_only_rgb() -> None:
    image = decode_image(encode(picture(40, 30), "PNG"), limits())
    assert image.shape == (30, 40, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert not image.flags.writeable


@pytest.mark.parametrize(
    ("mode", "colour", "kind", "expected"),
    [
        ("1", 1, "PNG", (255, 255, 255)),
        ("L", 77, "PNG", (77, 77, 77)),
        ("LA", (77, 51), "PNG", (219, 219, 219)),
        ("P", 0, "PNG", (0, 0, 0)),
        ("RGBA", (10, 20, 30, 0), "PNG", (255, 255, 255)),
        ("RGBA", (10, 20, 30, 128), "TIFF", (132, 137, 142)),
        ("CMYK", (255, 0, 0, 0), "TIFF", (0, 255, 255)),
        ("L", 77, "GIF", (77, 77, 77)),
        ("1", 1, "TIFF", (255, 255, 255)),
        ("I", 5, "TIFF", (5, 5, 5)),
        ("LAB", (255, 128, 128), "TIFF", (255, 255, 255)),
    ],
)
def test_every_mode_becomes_rgb(mode: str, colour: Any, kind: str, expected: tuple[int, int, int]) -> None:
    image = decode_image(encode(PILImage.new(mode, (4, 3), colour), kind), limits())
    assert image.shape == (3, 4, 3)
    assert np.abs(image - np.array(expected)).max() <= (1 if mode == "LAB" else 0)


def test_a_cmyk_jpeg_becomes_rgb() -> None:
    image = decode_image(encode(picture().convert("CMYK"), "JPEG", quality=95), limits())
    assert np.abs(image.astype(int) - np.asarray(picture())).max() < 30


def test_a_ycck_jpeg_becomes_rgb() -> None:
    data = encode(PILImage.new("CMYK", (16, 16), (0, 128, 128, 128)), "JPEG", quality=95)
    marker = data.index(b"Adobe")
    ycck = data[: marker + 11] + b"\x02" + data[marker + 12 :]
    assert np.abs(decode_image(ycck, limits()).astype(int) - decode_image(data, limits())).max() > 20


def test_a_palette_with_transparency_becomes_rgb_without_a_warning() -> None:
    image = picture().quantize(16)
    data = encode(image, "PNG", transparency=bytes(range(16)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode_image(data, limits()).min() >= 239  # nearly white: the alpha of every entry is 15 or less


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_of_16_bits_looks_like_the_same_picture_in_8_bits(kind: str) -> None:
    wide = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    image = decode_image(encode(PILImage.fromarray(wide), kind), limits())
    assert (image == (wide >> 8)[..., None]).all()


def test_colour_of_16_bits_looks_like_the_same_picture_in_8_bits() -> None:
    data = png_of(2, 1, 16, 2, b"\0" + struct.pack(">6H", 0, 32768, 65535, 256, 511, 512))
    assert decode_image(data, limits()).tolist() == [[[0, 128, 255], [1, 1, 2]]]


def test_grey_of_12_bits_uses_the_whole_range() -> None:
    # Two values of 12 bits in three bytes: 0xFFF and 0x800.
    data = tiff_of((273, 4, 1, 200), (278, 4, 1, 16), (279, 4, 1, 384)).ljust(200, b"\0") + b"\xff\xf8\x00" * 128
    data = data.replace(struct.pack("<HHLL", 258, 4, 1, 8), struct.pack("<HHLL", 258, 3, 1, 12))
    assert decode_image(data, limits())[0, :2].tolist() == [[255] * 3, [128] * 3]


def test_a_signalling_nan_is_no_error() -> None:
    values = np.array([[1, 0, 0.2]], np.float32)
    values.view(np.uint32)[0, 1] = 0x7F800001
    image = decode_image(encode(PILImage.fromarray(values), "TIFF"), limits())
    assert image[0, :, 0].tolist() == [255, 0, 51]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_the_first_frame_is_used(kind: str) -> None:
    first, *others = frames(3)
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(first, kind, save_all=True, append_images=others, **options)
    assert decode_image(data, limits()).max() == 0


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_too_many_frames_are_refused(kind: str) -> None:
    first, *others = frames(6)
    data = encode(first, kind, save_all=True, append_images=others)
    decode_image(data, limits(max_frames=6))
    with pytest.raises(ImageTooLarge, match="image has 6 frames, the limit is 5"):
        decode_image(data, limits(max_frames=5))


# Orientation


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_picture_is_turned_upright(kind: str, orientation: int) -> None:
    exif = PILImage.Exif()
    exif[ORIENTATION] = orientation
    data = encode(picture(), kind, exif=exif)
    expected = ImageOps.exif_transpose(PILImage.open(io.BytesIO(data))).convert("RGB")
    image = decode_image(data, limits())
    assert image.shape[:2] == ((30, 40) if orientation < 5 else (40, 30))
    assert (image == np.asarray(expected)).all()


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(40)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_with_broken_exif_is_taken_as_it_lies(kind: str, exif: bytes) -> None:
    assert decode_image(encode(picture(), kind, exif=exif), limits()).shape == (30, 40, 3)


@pytest.mark.parametrize(
    "entry",
    [(3, 1, 0), (3, 1, 9), (3, 1, 65535), (3, 2, 0x60006), (2, 2, 54), (5, 1, 8), (7, 1, 6), (12, 9, 9), (99, 1, 6)],
)
def test_a_senseless_orientation_is_ignored(entry: tuple[int, int, int]) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHLL", ORIENTATION, *entry) + bytes(4)
    assert decode_image(encode(picture(), "PNG", exif=exif), limits()).shape[2] == 3


# What is refused


@pytest.mark.parametrize("data", [b"\0", b"hello", b"<html></html>", b"\1\2\3", b"P6 1 1 255\nabc"])
def test_what_is_not_an_image_is_refused_with_the_formats_that_are_accepted(data: bytes) -> None:
    with pytest.raises(ImageDecodeError, match=r"\(accepted: JPEG, PNG, WEBP, GIF, BMP, TIFF, MPO; OP_FORMATS\)"):
        decode_image(data, limits())


@pytest.mark.parametrize("kind", FORMATS)
def test_a_format_that_is_not_listed_is_refused(kind: str) -> None:
    first, *others = frames(2)
    data = encode(first, kind, **({"save_all": True, "append_images": others} if kind == "MPO" else {}))
    assert decode_image(data, limits(formats=(kind,))).shape == (8, 8, 3)
    with pytest.raises(ImageDecodeError, match="format that is not accepted"):
        decode_image(data, limits(formats=tuple(name for name in FORMATS if name != kind)))


@pytest.mark.parametrize("name", ["EPS", "jpeg", "HEIC", ""])
def test_a_format_that_can_never_be_accepted_stops_the_start(name: str) -> None:
    with pytest.raises(UsageError, match=rf"OP_FORMATS={name}: must be one of AVIF, BMP, GIF, HEIF, JPEG"):
        limits(formats=("PNG", name))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(kind: str, part: float) -> None:
    data = encode(picture(200, 150), kind)
    with pytest.raises(ImageDecodeError):
        decode_image(data[: int(len(data) * part)], limits())


def test_the_words_of_the_library_are_not_passed_on() -> None:
    with pytest.raises(ImageDecodeError, match=r"^image is a damaged or incomplete GIF$"):
        decode_image(encode(picture(), "GIF")[:-40], limits())


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(ImageDecodeError, match=r"^image is empty$"):
        decode_image(b"", limits())


def test_a_file_over_the_limit_on_bytes_is_refused() -> None:
    with pytest.raises(ImageTooLarge, match="image has 1,001 bytes, the limit is 1,000"):
        decode_image(bytes(1001), limits(max_bytes=1000))


def test_pixels_are_counted_before_they_are_decoded() -> None:
    data = png_of(30_000, 3_000, 8, 2, b"no pixels at all")
    with pytest.raises(ImageTooLarge, match="image has 90,000,000 pixels, the limit is 50,000,000"):
        decode_image(data, limits())


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_picture_that_pillow_refuses_first_is_too_large_too(width: int, height: int) -> None:
    with pytest.raises(ImageTooLarge, match=r"more than .* pixels, the limit is 50,000,000"):
        decode_image(png_of(width, height, 8, 2, b""), limits())


def test_our_limit_may_be_above_that_of_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PILImage, "MAX_IMAGE_PIXELS", 100)
    assert decode_image(encode(picture(), "PNG"), limits(max_pixels=1200)).shape == (30, 40, 3)
    assert PILImage.MAX_IMAGE_PIXELS == 2400  # Pillow refuses what has twice as many


def test_a_limit_of_pillow_above_ours_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PILImage, "MAX_IMAGE_PIXELS", 5000)
    decode_image(encode(picture(), "PNG"), limits(max_pixels=1200))
    assert PILImage.MAX_IMAGE_PIXELS == 5000


@pytest.mark.parametrize(("width", "height"), [(1, 40_000_000), (40_000_000, 1), (65_536, 1)])
def test_an_extreme_side_is_refused(width: int, height: int) -> None:
    with pytest.raises(ImageTooLarge, match="the limit for a side is 65,535"):
        decode_image(png_of(width, height, 8, 0, b""), limits())


def test_the_longest_side_works() -> None:
    image = decode_image(encode(PILImage.new("RGB", (65_535, 1), (1, 2, 3)), "PNG"), limits())
    assert resize_image(image, 224, 224, "bilinear").shape == (224, 224, 3)


# Files that are made to be expensive


def test_a_photo_with_a_film_behind_it_is_accepted() -> None:
    film = np.random.default_rng(0).bytes(15_000_000)
    assert film.count(b"\xff\xda") > 100
    data = encode(picture(), "JPEG")
    np.testing.assert_array_equal(decode_image(data + film, limits()), decode_image(data, limits()))


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    data = encode(PILImage.new("L", (64, 64), 128), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageTooLarge, match=r"image has 5,00\d scans, the limit is 100"):
        decode_image(data[:-2] + last_scan * 5000 + b"\xff\xd9", limits())


def test_a_jpeg_of_very_many_segments_is_refused() -> None:
    data = encode(picture(), "JPEG")
    with pytest.raises(ImageDecodeError, match="too many small pieces"):
        decode_image(data[:2] + b"\xff\xfe\x00\x02" * 200_000 + data[2:], limits())


def test_a_jpeg_of_very_much_exif_is_refused() -> None:
    data = encode(picture(), "JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", 2 + 6 + 60_000) + b"Exif\0\0" + bytes(60_000)
    with pytest.raises(ImageTooLarge, match="image has 50 Exif segments, the limit is 20"):
        decode_image(data[:2] + segment * 50 + data[2:], limits())


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_very_much_exif_is_refused(kind: str) -> None:
    with pytest.raises(ImageTooLarge, match=r"bytes of Exif, the limit is 1,048,576"):
        decode_image(encode(picture(), kind, exif=b"Exif\0\0II*\0" + bytes(2_000_000)), limits())


def test_a_png_of_very_many_chunks_is_refused() -> None:
    data = after_png_header(encode(picture(), "PNG"), png_chunk(b"abCd", b"") * 150_000)
    with pytest.raises(ImageDecodeError, match="too many small pieces"):
        decode_image(data, limits())


def test_a_png_of_very_many_colour_profiles_is_refused() -> None:
    profile = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(2**20 - 1)))
    with pytest.raises(ImageTooLarge, match="image has 50 colour profiles, the limit is 10"):
        decode_image(after_png_header(encode(picture(), "PNG"), profile * 50), limits())


def test_a_text_of_a_png_that_unpacks_to_very_much_is_left_out() -> None:
    text = png_chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(2**20 - 1)))
    image = decode_image(after_png_header(encode(picture(), "PNG"), text * 100), limits())
    assert (image == np.asarray(picture())).all()


def test_a_gif_of_very_many_blocks_is_refused() -> None:
    data = encode(picture(), "GIF")
    with pytest.raises(ImageDecodeError, match="too many small pieces"):
        decode_image(data[:-1] + b"!\xfe" + b"\x01a" * 500_000 + b"\0;", limits())


def test_a_gif_of_honest_blocks_passes_however_long() -> None:
    data = encode(picture(), "GIF")
    decode_image(data[:-1] + b"!\xfe" + (b"\xff" + bytes(255)) * 40_000 + b"\0;", limits())


def test_a_tiff_tile_that_is_larger_than_its_picture_is_refused() -> None:
    data = tiff_of((322, 4, 1, 20_000), (323, 4, 1, 20_000), (324, 4, 1, 8), (325, 4, 1, 8))
    with pytest.raises(ImageTooLarge, match="image has a tile of 400,000,000 pixels, the limit is 50,000,000"):
        decode_image(data, limits())


def test_a_tiff_of_very_many_strips_is_refused() -> None:
    data = tiff_of((273, 4, 1_000_000, 8), (278, 4, 1, 1), (279, 4, 1_000_000, 8), tail=bytes(4_000_000))
    with pytest.raises(ImageTooLarge, match=r"image has 2,000,00\d TIFF values, the limit is 200,000"):
        decode_image(data, limits())


def test_values_in_a_directory_below_the_page_count_too() -> None:
    position = 8 + 2 + 12 * 10 + 4
    exif = struct.pack("<HHHLL", 1, 33434, 5, 1_000_000, 0) + bytes(4)
    data = tiff_of((273, 4, 1, 8), (278, 4, 1, 16), (279, 4, 1, 256), (34665, 4, 1, position), tail=exif)
    with pytest.raises(ImageTooLarge, match=r"image has 1,000,\d+ TIFF values"):
        decode_image(data.ljust(10_000_000, b"\0"), limits())


def test_a_tiff_whose_pages_form_a_ring_is_one_page() -> None:
    data = encode(picture(16, 16), "TIFF")
    directory = struct.unpack_from("<L", data, 4)[0]
    end = directory + 2 + 12 * struct.unpack_from("<H", data, directory)[0]
    ring = data[:end] + struct.pack("<L", directory) + data[end + 4 :]
    assert decode_image(ring, limits(max_frames=1)).shape == (16, 16, 3)


def test_a_bigtiff_is_refused() -> None:
    with pytest.raises(ImageDecodeError, match=r"BigTIFF.*; save it as a plain TIFF, or as PNG"):
        decode_image(encode(picture(), "TIFF", big_tiff=True), limits())


@pytest.mark.parametrize(
    ("compression", "name"), [("group3", "CCITT Group 3"), ("group4", "CCITT Group 4"), ("tiff_ccitt", "CCITT")]
)
def test_a_fax_is_refused(compression: str, name: str) -> None:
    data = encode(picture().convert("1"), "TIFF", compression=compression)
    with pytest.raises(ImageDecodeError, match=rf"TIFF with fax compression \({name}\).*; save it as .*, or as PNG"):
        decode_image(data, limits())


def test_a_run_length_bmp_is_refused() -> None:
    header = struct.pack("<LllHHLLllLL", 40, 50_000, 900, 1, 8, 1, 4, 0, 0, 256, 0) + bytes(range(256)) * 4
    data = b"BM" + struct.pack("<LHHL", 14 + len(header), 0, 0, 14 + len(header)) + header + b"\0\0\0\1"
    with pytest.raises(ImageDecodeError, match=r"run-length compression, .*; save it"):
        decode_image(data, limits())


def test_an_honest_file_is_read_in_far_fewer_pieces_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[MeteredFile] = []
    honest = MeteredFile.__init__
    monkeypatch.setattr(MeteredFile, "__init__", lambda self, *args: honest(note(files, self), *args))
    noise = PILImage.effect_noise((1000, 800), 60)
    for kind, options in [("PNG", {}), ("JPEG", {}), ("TIFF", {}), ("GIF", {"save_all": True})]:
        more = {"append_images": [noise] * 5} if options else {}
        decode_image(encode(noise, kind, **options, **more), limits())
    assert all(file._reads_left > 90_000 for file in files)


def test_an_error_keeps_no_pixels_alive() -> None:
    def blocks() -> int:
        stats = _imaging.get_stats()
        return stats["allocated_blocks"] - stats["freed_blocks"]

    data = encode(picture(1000, 800).convert("L"), "GIF")
    decode_image(data, limits())
    gc.collect()  # pictures of earlier tests that hang in a cycle would be given back meanwhile
    before = blocks()
    with pytest.raises(ImageDecodeError) as caught:
        decode_image(data[:-2000], limits())
    assert caught.value.__cause__ is not None
    assert blocks() <= before


# Speed without another picture


@pytest.mark.parametrize(
    ("side", "shape"), [(None, (900, 1200)), (448, (450, 600)), (450, (450, 600)), (100, (113, 150))]
)
def test_a_jpeg_is_decoded_at_the_smallest_scale_that_keeps_both_sides(
    side: int | None, shape: tuple[int, int]
) -> None:
    data = encode(picture(1200, 900), "JPEG")
    assert decode_image(data, limits(), side).shape[:2] == shape


def test_a_scaled_decode_gives_nearly_the_same_small_picture() -> None:
    data = encode(picture(1200, 900), "JPEG", quality=90)
    full, scaled = (
        resize_image(decode_image(data, limits(), side), 224, 224, "bilinear").astype(int) for side in (None, 448)
    )
    assert np.abs(full - scaled).max() <= 3


def test_only_jpeg_is_scaled() -> None:
    assert decode_image(encode(picture(1200, 900), "PNG"), limits(), 100).shape[:2] == (900, 1200)


def test_a_jpeg_that_is_decoded_scaled_may_have_four_times_as_many_pixels() -> None:
    data = encode(picture(1200, 900), "JPEG")
    assert decode_image(data, limits(max_pixels=270_000), 100).shape == (113, 150, 3)
    with pytest.raises(ImageTooLarge, match=r"1,080,000 pixels, the limit is 269,999 \(OP_MAX_PIXELS\)"):
        decode_image(data, limits(max_pixels=269_999), 100)


@pytest.mark.parametrize(("options", "side"), [({"progressive": True}, 100), ({}, None), ({}, 800)], ids=str)
def test_the_pixel_limit_holds_for_a_jpeg_that_is_held_whole(options: dict[str, Any], side: int | None) -> None:
    with pytest.raises(ImageTooLarge, match="1,080,000 pixels, the limit is 1,000,000"):
        decode_image(encode(picture(1200, 900), "JPEG", **options), limits(max_pixels=1_000_000), side)


# Resize


@pytest.mark.parametrize(
    ("method", "resample"), [("bilinear", PILImage.Resampling.BILINEAR), ("nearest", PILImage.Resampling.NEAREST)]
)
@pytest.mark.parametrize("size", [(224, 224), (7, 300), (30, 40), (1, 1)])
def test_resize_is_pillows(method: Any, resample: Any, size: tuple[int, int]) -> None:
    height, width = size
    expected = picture().resize((width, height), resample)
    assert (resize_image(np.asarray(picture()), height, width, method) == np.asarray(expected)).all()


@pytest.mark.slow  # imports Keras
@pytest.mark.parametrize("method", ["bilinear", "nearest"])
def test_decode_and_resize_are_bit_for_bit_what_keras_does(method: Any, tmp_path: Any) -> None:
    import keras

    data = encode(picture(333, 250), "JPEG")
    (tmp_path / "a.jpg").write_bytes(data)
    expected = keras.utils.load_img(tmp_path / "a.jpg", target_size=(224, 224), interpolation=method)
    image = resize_image(decode_image(data, limits()), 224, 224, method)
    assert (image == np.asarray(expected)).all()


def test_a_picture_of_the_right_size_is_not_copied() -> None:
    image = np.zeros((8, 9, 3), np.uint8)
    assert resize_image(image, 8, 9, "bilinear") is image


# Threads


def test_many_threads_decode_at_once() -> None:
    files = [encode(picture(100 + 10 * index, 90), kind) for index, kind in enumerate(FORMATS[:6])]
    bad = files[0][:200]
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for index, data in enumerate(files * 5):
                assert decode_image(data, limits()).shape == (90, 100 + 10 * (index % 6), 3)
                with pytest.raises(VisopError):
                    decode_image(bad, limits())
        except BaseException as err:
            failures.append(err)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
