"""A WebP whose last bytes nobody needs is damaged, unless they only make what lies outside of the picture."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest
from PIL import Image as PILImage

from visop.errors import ImageDecodeError
from visop.images.decode import ImageLimits, decode_image
from visop.images.formats.webp import coded_pixels
from visop.synthetic.generate import generate_picture

LIMITS = ImageLimits(max_bytes=2**24, max_pixels=10_000_000, max_frames=100, formats=("WEBP",))
PICTURE = PILImage.fromarray(generate_picture(5, 256))


def webp(image: PILImage.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", **options)
    return file.getvalue()


@pytest.mark.parametrize("place", [0.2, 0.4, 0.6, 0.8])
@pytest.mark.parametrize("size", [(72, 90), (150, 100)], ids=str)
def test_noise_in_a_picture_whose_blocks_reach_over_its_edge_is_refused(size: tuple[int, int], place: float) -> None:
    data = webp(PICTURE.resize(size), quality=60)
    at = int(place * len(data))
    with pytest.raises(ImageDecodeError, match="damaged"):
        decode_image(data[:at] + random.Random(0).randbytes(60) + data[at + 60 :], LIMITS)


def test_a_lossless_picture_whose_data_go_on_is_refused() -> None:
    data = webp(PICTURE.resize((64, 64)), lossless=True)
    kind, start, end = coded_pixels(data)
    longer = kind + (end - start + 10).to_bytes(4, "little") + data[start:end] + bytes(range(10))
    file = b"RIFF" + (4 + len(longer)).to_bytes(4, "little") + b"WEBP" + longer
    with pytest.raises(ImageDecodeError, match="damaged"):
        decode_image(file, LIMITS)


@pytest.mark.parametrize("options", [{"quality": 0}, {"quality": 50}, {"quality": 95}, {"lossless": True}], ids=str)
@pytest.mark.parametrize("size", [(1, 1), (16, 17), (31, 200), (100, 3)], ids=str)
def test_whole_pictures_of_any_size_are_decoded(size: tuple[int, int], options: dict[str, Any]) -> None:
    framed = PILImage.new("RGB", size, "white")
    framed.paste(PICTURE.resize((1 + size[0] // 2, 1 + size[1] // 2)))
    for image in (PICTURE.resize(size), PILImage.new("RGB", size, "teal"), framed):
        assert decode_image(webp(image, method=0, **options), LIMITS).shape == (*size[::-1], 3)
