"""What is told of pictures without decoding them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFile

from visop.errors import ImageDecodeError
from visop.images.thumbnail import as_file, size_of

ON_ITS_SIDE = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"


def encoded(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(("exif", "size"), [(b"", (30, 20)), (ON_ITS_SIDE, (20, 30)), (b"Exif\0\0II*\0", (30, 20))])
def test_the_size_is_that_of_the_picture_upright_whatever_its_exif_is(kind, exif, size):
    assert size_of(encoded(kind, exif=exif)) == size


def test_nothing_is_decoded(monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    assert size_of(encoded("PNG")) == (30, 20)


def test_what_pillow_does_not_open_has_no_size():
    assert size_of(b"a format of the user's own") == (0, 0)


def test_a_picture_of_more_pixels_than_pillow_opens_by_itself_has_a_size(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert size_of(encoded("PNG")) == (30, 20)
    data = encoded("JPEG")
    frame = data.index(b"\xff\xc0") + 5
    large = data[:frame] + (12_000).to_bytes(2, "big") + (16_000).to_bytes(2, "big") + data[frame + 4 :]
    assert size_of(large) == (16_000, 12_000)


def test_wide_grey_in_memory_is_signed():
    with pytest.raises(ImageDecodeError, match="grey values from -1 to 255"):
        as_file(Image.fromarray(np.array([[-1, 255]], np.int32)))
    with Image.open(io.BytesIO(as_file(Image.fromarray(np.array([[0, 255]], np.int32))))) as same:
        assert np.asarray(same.convert("L")).tolist() == [[0, 255]]
