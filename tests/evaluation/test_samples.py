from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.conftest import picture
from visop.errors import ImageDecodeError, UsageError
from visop.evaluation.samples import MAX_SIDE, choose_transformations, digest, read_original, transform
from visop.images.decode import ImageLimits
from visop.settings import Settings
from visop.synthetic.transformations import TRANSFORMATIONS

LIMITS = ImageLimits.of(Settings())


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_a_transformed_picture_is_the_same_every_time(name: str) -> None:
    once, again = (transform(picture(1), TRANSFORMATIONS[name], digest(picture(1)), seed=3) for _ in range(2))
    assert (once == again).all()
    assert once.dtype == np.uint8
    assert once.ndim == 3


def test_the_random_choices_depend_on_the_picture_and_the_seed() -> None:
    noise = TRANSFORMATIONS["noise"]
    first, other_seed, other_key = (
        transform(picture(1), noise, key, seed) for key, seed in (("ab" * 32, 0), ("ab" * 32, 1), ("cd" * 32, 0))
    )
    assert (first != other_seed).any()
    assert (first != other_key).any()


def test_large_pictures_are_worked_on_at_a_limited_size(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 1500), "red").save(tmp_path / "large.jpg")
    assert read_original(str(tmp_path / "large.jpg"), LIMITS).size == (MAX_SIDE, MAX_SIDE // 2)


def test_the_same_pixels_have_the_same_digest_in_any_file_format(tmp_path: Path) -> None:
    for kind in ("png", "bmp"):
        picture(1).save(tmp_path / f"picture.{kind}")
    keys = {digest(read_original(str(path), LIMITS)) for path in tmp_path.iterdir()}
    assert keys == {digest(picture(1))}
    assert digest(picture(2)) not in keys


def test_a_damaged_file_is_an_error_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(ImageDecodeError, match="not an image"):
        read_original(str(tmp_path / "bad.jpg"), LIMITS)


def test_an_unknown_transformation_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(UsageError, match=r"^transformations upwards: must be one of rotate-90, .*mirror"):
        choose_transformations(["mirror", "upwards"])
    assert [each.name for each in choose_transformations(["mirror"])] == ["mirror"]
    assert len(choose_transformations([])) == len(TRANSFORMATIONS)


def test_a_transformation_that_is_named_twice_is_made_once() -> None:
    chosen = choose_transformations(["noise", "mirror", "noise"])
    assert [each.name for each in chosen] == ["noise", "mirror"]
