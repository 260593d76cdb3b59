"""PNG without compression."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from visop.images.decode import ImageLimits, decode_image
from visop.images.stored_png import stored_png
from visop.settings import Settings


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (301, 199)], ids=str)
def test_every_reader_finds_the_same_pixels(size: tuple[int, int]) -> None:
    image = np.random.default_rng(5).integers(0, 256, (*size, 3), np.uint8)
    file = stored_png(image)
    assert len(file) < image.size + image.shape[0] + 1000
    np.testing.assert_array_equal(decode_image(file, ImageLimits.of(Settings())), image)
    with Image.open(io.BytesIO(file)) as picture:
        np.testing.assert_array_equal(np.asarray(picture), image)


def test_an_image_that_is_a_view_is_written_as_it_is_seen() -> None:
    image = np.arange(8 * 9 * 3, dtype=np.uint8).reshape(8, 9, 3)[::2, ::-1]
    np.testing.assert_array_equal(decode_image(stored_png(image), ImageLimits.of(Settings())), image)
