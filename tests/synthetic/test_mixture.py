"""Every family is reached, draws what it was asked for, and tells its pictures apart."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image, ImageChops

from visop.synthetic.mixture import FAMILIES, WEIGHTS, choose_family, finish


def _draw(name: str, style: int, content: int, width: int = 96, height: int = 72) -> Image.Image:
    return FAMILIES[name](np.random.default_rng(style), np.random.default_rng(content), width, height)


def test_weights_are_shares_of_the_families_that_there_are() -> None:
    assert WEIGHTS.keys() == FAMILIES.keys()
    assert sum(WEIGHTS.values()) == pytest.approx(1)


def test_families_come_as_often_as_their_weights_say() -> None:
    rng = np.random.default_rng(0)
    counts = Counter(choose_family(rng) for _ in range(5000))
    for name, weight in WEIGHTS.items():
        assert counts[name] / 5000 == pytest.approx(weight, abs=0.02)
        assert counts[name] > 0


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("shape", [(96, 72), (72, 96), (96, 54), (48, 48)])
def test_a_family_draws_pictures_of_the_size_asked_for(name: str, shape: tuple[int, int]) -> None:
    for seed in range(6):
        picture = _draw(name, seed, seed, *shape)
        assert picture.mode == "RGB"
        assert picture.size == shape


@pytest.mark.parametrize("name", FAMILIES)
def test_pictures_of_one_style_differ_in_content(name: str) -> None:
    for style in range(4):
        one, other = (_draw(name, style, content) for content in (100, 101))
        assert one.size == other.size
        assert np.asarray(ImageChops.difference(one, other)).mean() > 0.5


@pytest.mark.parametrize("name", FAMILIES)
def test_a_picture_of_the_same_chances_is_the_same(name: str) -> None:
    assert _draw(name, 3, 4).tobytes() == _draw(name, 3, 4).tobytes()


def test_the_finish_keeps_the_size() -> None:
    canvas = _draw("landscape", 0, 0)
    for seed in range(40):
        assert finish(np.random.default_rng(seed), np.random.default_rng(seed), canvas.copy()).size == canvas.size
