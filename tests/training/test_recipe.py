from __future__ import annotations

from typing import Any

import pytest

from visop.errors import UsageError
from visop.models.encoder_header import MAX_DIMENSION
from visop.training.recipe import Recipe


@pytest.mark.parametrize(
    ("choice", "rule"),
    [
        ({"epochs": 0}, "epochs 0: must be at least 1"),
        ({"steps": 0}, "steps 0: must be at least 1"),
        ({"identities": 1}, "identities 1: must be at least 2"),
        ({"views": 1}, "views 1: must be at least 2"),
        ({"neighbours": 0}, "neighbours 0: must be at least 1"),
        ({"neighbours": 9, "identities": 8}, "neighbours 9: must be at most the number of identities, 8"),
        ({"validation_pictures": 1}, "validation_pictures 1: must be at least 2"),
        ({"learning_rate": 0.0}, "learning_rate 0: must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate nan: must be above 0"),
        ({"temperature": 0.0}, "temperature 0: must be above 0"),
        ({"held_out": 1.0}, "held_out 1: must be below 1"),
        ({"weight_decay": float("nan")}, "weight_decay nan: must be at least 0"),
        ({"learning_rate": float("inf")}, "learning_rate inf: must be above 0 and finite"),
        ({"held_out": 0.0}, "held_out 0: must be above 0"),
        ({"side": -1}, "side -1: must be at least 0"),
        ({"seed": -1}, "seed -1: must be at least 0"),
        ({"seed": 2**32}, "seed 4294967296: must be at most 4294967295"),
        ({"dimension": 70_000}, "dimension 70000: must be at most 65536"),
        ({"margin": 50.0}, "margin 50: must be at most 2"),
        ({"spread": float("inf")}, "spread inf: must be at least 0 and finite"),
    ],
)
def test_a_choice_that_cannot_work_is_refused_before_the_work(choice: dict[str, Any], rule: str) -> None:
    with pytest.raises(UsageError, match=rule):
        Recipe(**choice)


def test_the_largest_dimension_is_that_of_an_encoder_file() -> None:
    assert Recipe(dimension=MAX_DIMENSION).dimension == MAX_DIMENSION
    with pytest.raises(UsageError):
        Recipe(dimension=MAX_DIMENSION + 1)


def test_the_defaults_are_choices_that_work() -> None:
    assert Recipe().views == 3
