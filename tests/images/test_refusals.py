"""What is not decoded is refused in words that say what it is and what to do."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from benchmarks.renditions import bmp
from visop.errors import ImageDecodeError
from visop.images.decode import ImageLimits, decode_image

FOURS = np.zeros((2, 2), np.uint16)  # pixels of 4 bits a sample
LIMITS = ImageLimits(max_bytes=2**24, max_pixels=50_000_000, max_frames=100, formats=("JPEG", "PNG", "TIFF", "BMP"))


def encode(kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    PILImage.new("RGB", (16, 16), "teal").save(buffer, kind, **options)
    return buffer.getvalue()


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.jpg", b"")
    return buffer.getvalue()


def box(brand: bytes) -> bytes:
    return struct.pack(">L4s4sL4s", 20, b"ftyp", brand, 0, brand) + bytes(100)


def tiff(*tags: tuple[int, int, int, int], tail: bytes = b"") -> bytes:
    body = b"".join(struct.pack("<HHLL", *tag) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<LH", 8, len(tags)) + body + bytes(4) + tail


def jpeg_with(marker: int, bits: int = 8, components: int = 3) -> bytes:
    data = encode("JPEG")
    at = data.index(b"\xff\xc0")
    frame = bytes([0xFF, marker]) + data[at + 2 : at + 4] + bytes([bits]) + data[at + 5 : at + 9] + bytes([components])
    return data[:at] + frame + data[at + 10 :]


BASIC = [(256, 4, 1, 4), (257, 4, 1, 4), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 200), (279, 4, 1, 128)]
FLOAT64 = tiff(*BASIC, (258, 3, 1, 64), (339, 3, 1, 3))
DNG = tiff(*BASIC, (258, 3, 1, 8), (50706, 1, 4, 0x0401))
# A thumbnail, and below it what the sensor saw.
NEF = tiff(*BASIC, (258, 3, 1, 8), (330, 4, 1, 8 + 2 + 12 * 8 + 4), tail=tiff((262, 3, 1, 32803))[8:])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (encode("GIF"), r"image is a GIF file, a format that is not accepted \(accepted: JPEG, PNG, .*OP_FORMATS\)"),
        (encode("AVIF"), "image is an AVIF file, a format that is not accepted .*; convert it to JPEG or PNG"),
        (box(b"heic"), r"image is a HEIC \(HEIF\) file, which needs the package visop\[heic\]"),
        (encode("JPEG2000"), "image is a JPEG 2000 file, .*; convert it"),
        (b"\xff\x0a\xfa\x7f", "image is a JPEG XL file"),
        (encode("ICO"), "image is an ICO file"),
        (encode("EPS"), "image is an EPS file, a drawing .* as PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image is an SVG file, a drawing"),
        (b"8BPS\0\x01", "image is a PSD file"),
        (b"II*\0\x10\0\0\0CR\x02\0", "image is a CR2 file, a camera's raw file"),
        (box(b"crx "), "image is a CR3 file, a camera's raw file"),
        (DNG, "image is a DNG or another raw file"),
        (NEF, "image is a DNG or another raw file"),
        (FLOAT64, "a damaged TIFF, or one with 1 sample of 64 bits, floating point, per pixel, which is not decoded"),
        (jpeg_with(0xC1, bits=12), "image is a JPEG with 12 bits per sample, which is not decoded; convert it"),
        (jpeg_with(0xC3), "image is a lossless JPEG, which is not decoded"),
        (jpeg_with(0xC9), "image is a JPEG with arithmetic coding, which is not decoded; convert it"),
        (jpeg_with(0xC0, components=2), "image is a JPEG with 2 components, which is not decoded"),
        (b"\xff\xd8\xff\xf7\0\x0b", "image is a JPEG-LS file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\4CgBI" + bytes(20), "image is a PNG in the form of iPhone applications"),
        (b"\n<!DOCTYPE HTML><html>", "^not an image, but a web page .HTML. "),
        (b"%PDF-1.7\n", "^not an image, but a PDF document "),
        (archive(), "^not an image, but a ZIP archive or an office document "),
        (box(b"mp42"), "^not an image, but a video .MP4 or QuickTime. "),
        (b"RIFF\0\0\0\0WAVEfmt ", "^not an image, but a sound recording .WAV. "),
        (b"/9j/4AAQSkZJRgABAQ", "^not an image, but text "),
        (bytes(1000), "^not an image, only zeros "),
        (b"\1\2\3", "^not an image, or of a format that is not known "),
        (bmp(FOURS, (0xF00, 0xF0, 0xF)), "image is a damaged BMP, or one whose arrangement of bits is uncommon, which"),
        (bmp(FOURS, (0xF00, 0xF0, 0xF, 0xF000)), "uncommon, which is not decoded; convert it to JPEG or PNG"),
        (b"\x89PNG\r\n\x1a\n", "image is a damaged or incomplete PNG"),
        (b"\xff\xd8\xff", "image is a damaged or incomplete JPEG"),
        (b"II*\0", "image is a damaged or incomplete TIFF"),
        (encode("TIFF")[:20], "image is a damaged or incomplete TIFF"),
    ],
)
def test_the_words_say_what_the_file_is(data: bytes, words: str) -> None:
    with pytest.raises(ImageDecodeError, match=words) as caught:
        decode_image(data, LIMITS)
    assert str(caught.value).count("  ") == 0


def test_a_tiff_with_other_pages_below_its_first_is_no_raw_file() -> None:
    smaller = tiff(*BASIC, (258, 3, 1, 8))[8:]
    data = tiff(*BASIC, (258, 3, 1, 8), (330, 4, 1, 8 + 2 + 12 * 8 + 4), tail=smaller).ljust(328, b"\x80")
    assert decode_image(data, LIMITS).shape == (4, 4, 3)
