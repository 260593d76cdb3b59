"""The encoder file inside the package, as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.models.conftest import Load, needs
from tests.models.photos import photos
from visop.models.encoder_file import read_header
from visop.models.registry import MODELS
from visop.models.selection import Selection
from visop.settings import Settings

SPEC = MODELS["embedded"]
FILE = SPEC.shipped or Path()
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="the encoder is not trained yet")


def test_it_is_small_enough_for_a_repository() -> None:
    assert FILE.stat().st_size < 5_000_000


def test_it_is_what_the_registry_says() -> None:
    header = read_header(FILE)
    assert (header.model, header.pooling, header.dimension) == ("embedded", SPEC.pooling, SPEC.dimension)
    assert Selection.of(Settings()).spec.space == SPEC.space


def test_its_card_says_what_it_is_for_and_not_for() -> None:
    card = read_header(FILE).card
    assert card["name"]
    assert card["summary"]
    assert card["for"]
    assert card["not_for"]


def test_it_is_served_without_any_settings(load: Load) -> None:
    vectors = load("embedded", weights="auto")(photos(SPEC.height, SPEC.width)[:8])
    assert vectors.shape == (8, SPEC.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (vectors @ vectors.T - np.eye(8)).max() < 0.9


# In int8 the deep field, a few bright points on black, has more in its maps than the ranges that most pictures keep to.
@pytest.mark.parametrize(
    ("precision", "least"),
    [pytest.param("bf16", 0.998, marks=needs("bf16")), pytest.param("int8", 0.95, marks=needs("int8"))],
)
def test_faster_arithmetic_leaves_photos_where_f32_has_them(precision: str, least: float, load: Load) -> None:
    images = photos(SPEC.height, SPEC.width)[:8]
    f32, fast = (load("embedded", weights="auto", precision=each)(images) for each in ("f32", precision))
    f32, fast = f32 - f32.mean(axis=0), fast - fast.mean(axis=0)
    cosines = (f32 * fast).sum(axis=1) / np.linalg.norm(f32, axis=1) / np.linalg.norm(fast, axis=1)
    assert cosines.min() >= least
