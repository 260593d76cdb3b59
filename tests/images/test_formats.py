from __future__ import annotations

import io
import struct
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from visop.images.formats.signatures import SNIFF_BYTES, sniff

BOX = b"\0\0\0\x18ftyp%s\0\0\0\0%s%s"


def encode(kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    PILImage.fromarray(np.zeros((8, 8, 3), np.uint8)).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "kind",
    ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "ICO", "EPS", "DDS", "ICNS"],
)
def test_what_pillow_writes_is_known_by_its_first_bytes(kind: str) -> None:
    assert sniff(encode(kind)[:SNIFF_BYTES]) == kind


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("MPO", {"save_all": True, "append_images": [PILImage.new("RGB", (8, 8))]}, "JPEG"),
        ("TIFF", {"big_tiff": True}, "TIFF"),
        ("JPEG2000", {}, "JPEG 2000"),
        ("JPEG2000", {"no_jp2": True}, "JPEG 2000"),
        ("PPM", {}, "PNM"),
    ],
)
def test_a_variant_of_a_format_is_known(kind: str, options: dict[str, Any], expected: str) -> None:
    assert sniff(encode(kind, **options)) == expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (BOX % (b"heic", b"mif1", b"heic"), "HEIF"),
        (BOX % (b"mif1", b"mif1", b"heic"), "HEIF"),
        (BOX % (b"mif1", b"avif", b"miaf"), "AVIF"),
        (BOX % (b"crx ", b"crx ", b"isom"), "CR3"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x0a\xfa", "JPEG XL"),
        (b"\xff\xd8\xff\xf7\0\x0b", "JPEG-LS"),
        (b"8BPS\0\x01", "PSD"),
        (b"II*\0\x10\0\0\0CR\x02\0", "CR2"),
        (b"FUJIFILMCCD-RAW 0201", "RAF"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- <svg> -->\n<!DOCTYPE svg PUBLIC 'x'>\n<svg>", "SVG"),
        (b"<?xml version='1.0'?><svg:svg xmlns:svg='http://www.w3.org/2000/svg'>", "SVG"),
        (b"P6\n# a comment\n4 3\n255\n", "PNM"),
        (b"BM" + bytes(12) + struct.pack("<L", 124), "BMP"),
    ],
)
def test_the_start_of_a_file_is_enough(start: bytes, expected: str) -> None:
    assert sniff(start) == expected


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\0",
        b"hello",
        b"BM is how a bitmap begins, and many a text",
        b"P1 is the first point of the plan",
        b"<!doctype html><html><svg></svg></html>",
        b"<?xml version='1.0'?><feed>",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"\0\0\0\x18ftypmp42\0\0\0\0isommp42",
        b"RIFF\0\0\0\0WAVEfmt ",
        bytes(64),
    ],
)
def test_what_is_no_picture_has_no_format(start: bytes) -> None:
    assert sniff(start) is None


def test_a_hostile_xml_takes_no_time() -> None:
    started = time.thread_time()
    for hostile in (b"<!---->" * 1000, b"<??>" * 1000, b" " * 5000, b"<!--" * 1000):
        assert sniff(hostile) is None
    assert time.thread_time() - started < 0.1
