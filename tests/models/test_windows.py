from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from visop.contract import Encoder
from visop.errors import UsageError
from visop.models import EngineOptions, Selection
from visop.models.windows import PoolsWindows, Window, Windows
from visop.settings import Settings

ALL: Window = (0.0, 0.0, 1.0, 1.0)


def test_a_position_counts_by_how_much_of_it_is_inside_a_window() -> None:
    weights = Windows(64, ((0.0, 0.5, 0.375, 0.5),)).weights(4).reshape(4, 4)
    np.testing.assert_allclose(weights, np.outer([0, 0, 1, 1], [1, 0.5, 0, 0]) / 3, atol=1e-6)


@pytest.mark.parametrize("positions", [1, 3, 12, 48])
def test_the_weights_of_a_window_make_a_mean_however_small_the_map(positions: int) -> None:
    windows = Windows(64, (ALL, (0.0, 0.0, 0.25, 0.25), (0.75, 0.15, 0.25, 0.25)))
    weights = windows.weights(positions)
    assert weights.shape == (positions**2, 3)
    np.testing.assert_allclose(weights.sum(axis=0, dtype=np.float64), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"model": "mobilenetv2", "weights": "random"}, "mobilenetv2 does not take pictures of other sizes"),
        ({"model": "embedded", "weights": "random", "pooling": "rmac"}, "the pooling of the encoder is rmac"),
    ],
    ids=["model", "pooling"],
)
def test_other_encoders_say_why_they_pool_no_windows(settings: dict[str, str], why: str) -> None:
    given = Settings(device="cpu", **settings)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=why):
        Selection.of(given).window_encoder(Windows(192, (ALL,)), EngineOptions.of(given))


@pytest.mark.slow  # builds a graph
def test_the_window_that_is_all_of_a_picture_has_its_vector(embedded: Encoder, model_cache: Path) -> None:
    assert isinstance(embedded, PoolsWindows)
    network = embedded.window_encoder(Windows(192, (ALL, (0.25, 0.25, 0.5, 0.5))))
    network.load()
    images = np.random.default_rng(0).integers(0, 256, (3, 192, 192, 3), np.uint8)
    images[1] //= 8
    vectors = network(images)
    network.close()
    assert vectors.shape == (3, 2, embedded.dimension)
    np.testing.assert_allclose(vectors[:, 0], embedded.infer(images), atol=0.02)  # of bf16, where the processor has it
    assert all(vectors[each, 0] @ vectors[each, 1] < 0.999 for each in range(3))


@pytest.mark.slow  # builds a graph of each precision
def test_windows_are_exact_in_full_precision(model_cache: Path) -> None:
    settings = Settings(model="embedded", precision="f32", device="cpu", cache_dir=model_cache)
    selection, options = Selection.of(settings), EngineOptions.of(settings)
    network = selection.window_encoder(Windows(192, (ALL,)), options)
    network.load()
    images = np.random.default_rng(0).integers(0, 256, (2, 192, 192, 3), np.uint8)
    np.testing.assert_allclose(network(images)[:, 0], selection.load(options)(images), atol=1e-5)
