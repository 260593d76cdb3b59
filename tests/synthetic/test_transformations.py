from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from visop.synthetic import transformations as t


def picture(width: int = 96, height: int = 64) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, np.int32)


@pytest.mark.parametrize("name", t.TRANSFORMATIONS)
def test_every_transformation_changes_a_picture_and_only_its_copy(name: str) -> None:
    before = picture()
    edited = t.TRANSFORMATIONS[name].apply(before, np.random.default_rng(0))
    assert edited.mode == "RGB"
    assert before.tobytes() == picture().tobytes()
    assert edited.size != before.size or edited.tobytes() != before.tobytes()


@pytest.mark.parametrize("name", t.TRANSFORMATIONS)
def test_every_transformation_takes_any_size_and_repeats_itself(name: str) -> None:
    apply = t.TRANSFORMATIONS[name].apply
    for size in ((1, 1), (3, 200), (257, 31)):
        first, second = (apply(picture().resize(size), np.random.default_rng(7)) for _ in range(2))
        assert first.tobytes() == second.tobytes()
        assert min(first.size) >= 1


def test_random_edits_repeat_themselves_and_differ_from_each_other() -> None:
    def edits(seed: int) -> list[bytes]:
        rng = np.random.default_rng(seed)
        return [t.random_edit(picture(), rng).tobytes() for _ in range(40)]

    assert edits(1) == edits(1)
    assert len(set(edits(1) + edits(2))) > 75


def test_random_edits_take_pictures_of_any_size() -> None:
    rng = np.random.default_rng(0)
    for size in ((1, 1), (1, 500), (40, 3)) * 30:
        assert t.random_edit(Image.new("RGB", size, (9, 99, 200)), rng).mode == "RGB"


def test_four_quarter_turns_are_none() -> None:
    image = picture()
    for _ in range(4):
        image = t.turn(image, 1)
    assert image.tobytes() == picture().tobytes()
    assert t.turn(picture(), -1).tobytes() == t.turn(picture(), 3).tobytes()


def test_brightness_saturates() -> None:
    expected = np.clip(pixels(picture()) + 100, 0, 255)
    np.testing.assert_array_equal(pixels(t.brighten(picture(), 100)), expected)


def test_a_crop_is_the_part_that_it_says() -> None:
    part = pixels(t.crop(picture(), 0.5, 0.5, 1, 0))
    np.testing.assert_array_equal(part, pixels(picture())[:32, 48:])


def test_hue_turned_all_around_is_the_same_but_for_rounding() -> None:
    difference = np.abs(pixels(t.hue(picture(), 360)) - pixels(picture()))
    assert difference.mean() < 3


def test_perspective_with_its_own_corners_changes_nothing() -> None:
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    np.testing.assert_array_equal(pixels(t.perspective(picture(), corners)), pixels(picture()))


def test_perspective_sends_corners_where_it_says() -> None:
    half = np.array([(0, 0), (0.5, 0), (0.5, 0.5), (0, 0.5)], float)
    zoomed = picture().crop((0, 0, 48, 32)).resize((96, 64), Image.Resampling.BILINEAR)
    assert np.abs(pixels(t.perspective(picture(), half)) - pixels(zoomed))[4:-4, 4:-4].mean() < 3


def test_noise_has_the_deviation_that_it_says() -> None:
    noisy = t.noise(Image.new("RGB", (64, 64), (128, 128, 128)), 25, np.random.default_rng(0))
    assert pixels(noisy).std() == pytest.approx(25, rel=0.05)
