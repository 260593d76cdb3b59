from __future__ import annotations

import io

import pytest
from PIL import Image as PILImage

from visop.images.formats.media_types import media_type_of, suffix_of


@pytest.mark.parametrize(
    ("kind", "media_type", "suffix"),
    [
        ("JPEG", "image/jpeg", ".jpg"),
        ("PNG", "image/png", ".png"),
        ("GIF", "image/gif", ".gif"),
        ("WEBP", "image/webp", ".webp"),
        ("BMP", "image/bmp", ".bmp"),
        ("TIFF", "image/tiff", ".tiff"),
        ("AVIF", "image/avif", ".avif"),
        ("ICO", "application/octet-stream", ""),
    ],
)
def test_a_browser_is_told_the_kinds_that_it_shows(kind: str, media_type: str, suffix: str) -> None:
    file = io.BytesIO()
    PILImage.new("RGB", (16, 16)).save(file, kind)
    assert (media_type_of(file.getvalue()), suffix_of(file.getvalue())) == (media_type, suffix)


@pytest.mark.parametrize("data", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"RIFF....WAVE", b"<html>", b"BM"])
def test_all_else_is_a_download(data: bytes) -> None:
    assert (media_type_of(data), suffix_of(data)) == ("application/octet-stream", "")
