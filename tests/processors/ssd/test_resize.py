from __future__ import annotations

import numpy as np
import pytest

from visop.processors.ssd.resize import Sampling, resized


def picture(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def sampled_at(image: np.ndarray, x: float, y: float) -> np.ndarray:
    """One bilinear sample, by hand."""
    height, width = image.shape[:2]
    x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
    left, top = int(x), int(y)
    right, below = min(left + 1, width - 1), min(top + 1, height - 1)
    upper = image[top, left] * (1 - (x - left)) + image[top, right] * (x - left)
    lower = image[below, left] * (1 - (x - left)) + image[below, right] * (x - left)
    result: np.ndarray = upper * (1 - (y - top)) + lower * (y - top)
    return result


@pytest.mark.parametrize("sampling", ["corners", "middles"])
@pytest.mark.parametrize("size", [(40, 30), (7, 50), (1, 1), (1, 500), (500, 1)], ids=str)
def test_points_are_sampled_where_the_variant_has_them(size: tuple[int, int], sampling: Sampling) -> None:
    image, side = picture(*size), 12
    found = resized(image, side, sampling)
    assert (found.shape, found.dtype.name) == ((side, side, 3), "float32")
    for row in range(side):
        for column in range(side):
            if sampling == "corners":
                x, y = column * size[0] / side, row * size[1] / side
            else:
                x, y = (column + 0.5) * size[0] / side - 0.5, (row + 0.5) * size[1] / side - 0.5
            np.testing.assert_allclose(found[row, column], sampled_at(image, x, y), atol=5e-3)


@pytest.mark.slow  # TensorFlow takes seconds to import
def test_corners_are_those_of_tensorflow_1() -> None:
    tf = pytest.importorskip("tensorflow")
    image = picture(33, 47)
    expected = tf.compat.v1.image.resize_bilinear(image[None].astype(np.float32), (20, 20), align_corners=False)[0]
    np.testing.assert_allclose(resized(image, 20, "corners"), expected, atol=5e-3)
