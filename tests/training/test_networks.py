"""Networks that are trained, and as they are served. Backend: TensorFlow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from visop.errors import UsageError
from visop.models.registry import MODELS
from visop.models.weights import find_weights
from visop.training.networks import Trainee, build_served

# NumPy 2 says this of TensorFlow's tensors, inside Keras.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RANDOM = find_weights(MODELS["embedded"], "random", Path())


@pytest.mark.parametrize(("name", "side"), [("embedded", 100), ("vgg16", 16)])
def test_a_size_that_a_model_cannot_take_is_told(name: str, side: int) -> None:
    with pytest.raises(UsageError, match=f"side {side}: does not go with {name}: "):
        Trainee(replace(MODELS[name], height=side, width=side), RANDOM, "gem", 8, seed=0)


def test_what_else_is_wrong_is_not_blamed_on_the_size() -> None:
    with pytest.raises(ValueError, match="Seed must be between"):
        Trainee(MODELS["embedded"], RANDOM, "gem", 8, seed=1 << 32)


def test_what_is_served_gives_the_vectors_of_what_was_trained_at_any_size() -> None:
    spec = MODELS["embedded"]
    images = np.random.default_rng(0).integers(0, 256, (3, spec.height, spec.width, 3), np.uint8)
    trainee = Trainee(spec, RANDOM, "gem", 8, seed=0)
    expected = trainee.model.predict_on_batch(images)
    small = Trainee(replace(spec, height=64, width=64), RANDOM, "gem", 8, seed=0)
    found = build_served(spec, "gem", small.tensors()).predict_on_batch(images)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.slow
def test_layers_without_names_of_their_own_are_filled_too() -> None:
    spec = replace(MODELS["xception"], height=71, width=71)
    weights = find_weights(spec, "random", Path())
    images = np.random.default_rng(0).integers(0, 256, (2, 71, 71, 3), np.uint8)
    trainee = Trainee(spec, weights, "avg", 0, seed=0)
    found = build_served(spec, "avg", trainee.tensors()).predict_on_batch(images)
    np.testing.assert_allclose(found, trainee.model.predict_on_batch(images), atol=1e-5)
