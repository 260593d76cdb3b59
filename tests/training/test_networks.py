"""Networks that are trained, and as they are served. Backend: TensorFlow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from opkit.errors import SettingsError
from opkit.models.registry import MODELS
from opkit.models.weights import find_weights
from opkit.training.networks import Trainee

RANDOM = find_weights(MODELS["embedded"], "random", Path())


@pytest.mark.parametrize(("name", "side"), [("embedded", 100), ("vgg16", 16)])
def test_a_size_that_a_model_cannot_take_is_told(name: str, side: int) -> None:
    with pytest.raises(SettingsError, match=f"--side {side}: does not go with {name}: "):
        Trainee(replace(MODELS[name], height=side, width=side), RANDOM, "gem", 8, seed=0)


def test_what_else_is_wrong_is_not_blamed_on_the_size() -> None:
    with pytest.raises(ValueError, match="Seed must be between"):
        Trainee(MODELS["embedded"], RANDOM, "gem", 8, seed=1 << 32)
