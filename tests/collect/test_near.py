from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest

from tests.collect.pages_site import picture
from visop.collect.near import RADIUS, find_near, perceptual_hash


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(PIL.Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize(
    "copy",
    [picture(1, kind="JPEG", quality=50), picture(1, (480, 360)), picture(1, (60, 45), "WEBP", quality=80)],
    ids=["JPEG 50", "four times the size", "half the size as WebP 80"],
)
def test_a_copy_in_another_size_or_format_is_near(copy: bytes) -> None:
    bits, other = perceptual_hash(decoded(picture(1))), perceptual_hash(decoded(copy))
    assert bits is not None
    assert other is not None
    assert find_near(other, {bits: "1.png"}) == "1.png"


def test_other_pictures_are_far() -> None:
    known = {perceptual_hash(decoded(picture(seed))) or 0: str(seed) for seed in range(2, 40)}
    assert find_near(perceptual_hash(decoded(picture(1))) or 0, known) is None


def test_a_flat_picture_has_no_hash() -> None:
    assert perceptual_hash(np.full((50, 50, 3), 200, np.uint8)) is None


def test_the_radius_is_a_number_of_bits_and_the_nearest_wins() -> None:
    within, beyond = (1 << RADIUS) - 1, (1 << RADIUS + 1) - 1
    assert find_near(0, {within: "a", beyond: "b"}) == "a"
    assert find_near(0, {within: "a", 1: "c"}) == "c"
    assert find_near(0, {beyond: "b"}) is None
    assert find_near(0, {}) is None
