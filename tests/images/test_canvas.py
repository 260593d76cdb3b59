"""What a picture takes decoded is told from its header, whatever its format, as the decoder finds it."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image as PILImage

from visop.errors import ImageTooLarge
from visop.images.decode import ImageLimits, decode_image
from visop.images.formats.canvas import check_samples, decoded_bytes
from visop.images.formats.heif import has_heif

SIZE = (120, 78)
FOUR, SIX, EIGHT = 4 * 120 * 78, 6 * 120 * 78, 8 * 120 * 78


def encode(mode: str, kind: str, size: tuple[int, int] = SIZE, **options: Any) -> bytes:
    buffer = io.BytesIO()
    PILImage.new(mode, size).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        ("RGB", "JPEG", {}),
        ("CMYK", "JPEG", {}),
        ("1", "PNG", {}),
        ("RGBA", "PNG", {}),
        ("I;16", "PNG", {}),
        ("P", "GIF", {}),
        ("RGB", "WEBP", {}),
        ("RGB", "WEBP", {"lossless": True}),
        ("RGBA", "WEBP", {"save_all": True, "append_images": [PILImage.new("RGBA", SIZE, "red")]}),
        ("RGB", "AVIF", {"speed": 10}),
        ("1", "BMP", {}),
        ("RGB", "TIFF", {"compression": "jpeg"}),
        ("F", "TIFF", {}),
    ],
)
def test_every_format_says_its_size(mode: str, kind: str, options: dict[str, Any]) -> None:
    assert decoded_bytes(encode(mode, kind, **options), None) == FOUR


@pytest.mark.skipif(not has_heif(), reason="needs pillow-heif")
def test_heif_says_its_size() -> None:
    assert decoded_bytes(encode("RGB", "HEIF"), None) == FOUR


def test_samples_of_16_bits_count_twice() -> None:
    data = encode("RGBA", "PNG")
    assert decoded_bytes(data[:24] + b"\x10" + data[25:], None) == EIGHT
    data = encode("RGB", "PNG")
    assert decoded_bytes(data[:24] + b"\x10" + data[25:], None) == SIX


@pytest.mark.parametrize("side", [None, 10, 30, 60, 200])
def test_a_jpeg_counts_at_the_scale_at_which_it_is_decoded(side: int | None) -> None:
    data = encode("RGB", "JPEG", (403, 301))
    with PILImage.open(io.BytesIO(data)) as image:
        if side:
            image.draft(None, (side, side))
        assert decoded_bytes(data, side) == 4 * image.width * image.height


def test_a_progressive_jpeg_counts_with_its_coefficients() -> None:
    assert decoded_bytes(encode("RGB", "JPEG", progressive=True), 8) == (4 + 2 * 3) * 120 * 78


def test_the_canvas_of_an_animation_counts_and_not_its_frame() -> None:
    data = encode("RGBA", "WEBP", save_all=True, append_images=[PILImage.new("RGBA", SIZE, "red")])
    canvas = struct.pack("<L", 9999)[:3] + struct.pack("<L", 4999)[:3]
    assert decoded_bytes(data[:24] + canvas + data[30:], None) == 4 * 10_000 * 5000


def test_deep_samples_are_refused_where_they_take_more_than_the_limit_on_pixels_allows() -> None:
    data = encode("RGBA", "PNG")
    deep = data[:24] + b"\x10" + data[25:29] + zlib.crc32(data[12:24] + b"\x10" + data[25:29]).to_bytes(4) + data[33:]
    with pytest.raises(
        ImageTooLarge, match=r"74,880 bytes, 8 for each pixel; the limit is 74,876, 4 for each of 18,719"
    ):
        decode_image(deep, ImageLimits(max_bytes=9999, max_pixels=2 * 120 * 78 - 1, max_frames=1, formats=("PNG",)))
    check_samples(deep, "PNG", 2 * 120 * 78)


@pytest.mark.parametrize("comment", [b"", b"x" * 44, b"y" * 300], ids=len)
def test_the_first_frame_of_a_gif_counts_where_it_reaches_beyond_the_canvas(comment: bytes) -> None:
    data = encode("P", "GIF", comment=comment)
    small = data[:6] + struct.pack("<HH", 1, 1) + data[10:]
    assert decoded_bytes(small, None) == FOUR
    with PILImage.open(io.BytesIO(small)) as image:
        assert image.size == SIZE


def test_what_is_no_picture_takes_nothing() -> None:
    assert decoded_bytes(b"not a picture", None) == 0


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0\x08\0\0\0", b"GIF89a", b"RIFF\0\0\0\0WEBP"]
)
def test_a_header_that_is_cut_off_says_nothing(data: bytes) -> None:
    assert decoded_bytes(data, None) is None


def test_coefficients_of_a_jpeg_in_several_scans_count_although_it_is_not_progressive() -> None:
    frame = struct.pack(">HBHHB", 17, 8, 8000, 6000, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    scan = b"\xff\xda\0\x08\1\1\0\0\x3f\0"
    data = b"\xff\xd8\xff\xc0" + frame + scan + b"\xff\xd9"
    assert decoded_bytes(data, 224) == 8000 * 6000 * (4 + 2 * 3)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "form"), [(1, "B"), (3, "H"), (4, "L")])
def test_the_samples_of_a_tiff_count_whatever_the_type_of_their_number(order: str, kind: int, form: str) -> None:
    entries = [(256, 4, "L", 8000), (257, 4, "L", 8000), (258, 3, "H", 16), (277, kind, form, 4)]
    body = b"".join(
        struct.pack(f"{order}HHL", tag, type_, 1) + struct.pack(f"{order}{value_form}", value).ljust(4, b"\0")
        for tag, type_, value_form, value in entries
    )
    mark = b"II*\0" if order == "<" else b"MM\0*"
    data = mark + struct.pack(f"{order}LH", 8, len(entries)) + body + bytes(4)
    with pytest.raises(ImageTooLarge, match="8 for each pixel"):
        check_samples(data, "TIFF", 67_000_000)
