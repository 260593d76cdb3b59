"""How much a deflate stream unpacks to, and whether it is whole."""

from __future__ import annotations

import io
import zlib

import pytest
from PIL import Image as PILImage

from visop.errors import ImageDecodeError
from visop.images.decode import ImageLimits, decode_image
from visop.images.formats.inflating import inflates
from visop.settings import Settings

ZEROS = zlib.compress(bytes(3_000_000))


def test_a_whole_stream_says_its_size() -> None:
    assert inflates(ZEROS, 3_000_000) == 3_000_000
    assert inflates(ZEROS + b"whatever follows", 3_000_000) == 3_000_000


@pytest.mark.parametrize("data", [ZEROS[:-5], ZEROS[:100] + b"\xff" + ZEROS[101:], b"", b"no deflate"])
def test_a_damaged_stream_says_nothing(data: bytes) -> None:
    assert inflates(data, 10**9) is None


def test_a_stream_that_is_too_long_is_not_unpacked_to_its_end() -> None:
    assert inflates(ZEROS[:-5], 1000) is None
    assert inflates(ZEROS, 1000) is None


def test_strips_that_unpack_to_far_more_than_the_picture_are_refused() -> None:
    file = io.BytesIO()
    PILImage.new("L", (64, 64)).save(file, "TIFF", compression="tiff_adobe_deflate")
    with PILImage.open(file) as image:
        at, size = image.tag_v2[273][0], image.tag_v2[279][0]  # type: ignore[attr-defined]
    data = file.getvalue()
    long = zlib.compress(bytes(20_000_000))
    place = data.index((273).to_bytes(2, "little") + b"\4\0\1\0\0\0") + 8
    count = data.index((279).to_bytes(2, "little") + b"\4\0\1\0\0\0") + 8
    assert (at, size) == tuple(int.from_bytes(data[tag : tag + 4], "little") for tag in (place, count))
    data = data + long
    for tag, value in ((place, len(data) - len(long)), (count, len(long))):
        data = data[:tag] + value.to_bytes(4, "little") + data[tag + 4 :]
    with pytest.raises(ImageDecodeError, match="damaged TIFF: its compressed data are corrupt"):
        decode_image(data, ImageLimits.of(Settings()))
