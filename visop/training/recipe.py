"""How to train: every choice in one place. Imports no runtime."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from visop.errors import UsageError
from visop.models.registry import Pooling

Labels = Literal["folders", "pictures"]
Mining = Literal["batch-hard", "semi-hard"]


@dataclass(frozen=True, kw_only=True)
class CommonRecipe:
    """What encoders and detectors have in common. The help of ``visop train`` says what each choice means."""

    side: int = 0
    epochs: int = 20
    steps: int = 100
    learning_rate: float = 1e-4
    weight_decay: float = 0.02
    precision: Literal["auto", "f32", "bf16"] = "auto"
    held_out: float = 0.1
    validation_pictures: int = 500
    patience: int = 5
    seed: int = 0
    half: bool = False


@dataclass(frozen=True, kw_only=True)
class Recipe(CommonRecipe):
    """How to train an encoder. The defaults are those of ``visop train``; see its help for what they mean.

    Raises:
        UsageError: a choice that cannot work; found here, because training would find it hours later.
    """

    labels: Labels = "pictures"
    loss: Literal["contrastive", "triplet"] = "contrastive"
    mining: Mining = "batch-hard"
    margin: float = 0.3
    temperature: float = 0.05
    spread: float = 1.0
    pooling: Pooling = "gem"
    dimension: int = 0
    identities: int = 32
    views: int = 3
    neighbours: int = 1

    def __post_init__(self) -> None:
        demand_numbers(self, least=_LEAST, most=_MOST, positive=_POSITIVE)
        if self.neighbours > self.identities:
            rule = f"must be at most the number of identities, {self.identities}"
            raise UsageError("neighbours", self.neighbours, rule)


def demand_numbers(
    recipe: Any, *, least: Mapping[str, float], most: Mapping[str, float], positive: Collection[str]
) -> None:
    """Hold the numbers of a recipe to their ranges.

    Args:
        recipe: has ``held_out``, which must be below 1.
        least: the least value by name; all of these must be finite.
        most: the largest value by name.
        positive: names of those that must be above 0, and finite.

    Raises:
        UsageError: one is out of range.
    """

    def demand(name: str, holds: bool, rule: str) -> None:
        if not holds:
            raise UsageError(name, f"{getattr(recipe, name):.10g}", f"must be {rule}")

    for name, low in least.items():
        value = getattr(recipe, name)
        demand(name, low <= value < math.inf, f"at least {low}" + (" and finite" if value == math.inf else ""))
    for name, high in most.items():
        demand(name, getattr(recipe, name) <= high, f"at most {high}")
    for name in positive:
        demand(name, 0 < getattr(recipe, name) < math.inf, "above 0 and finite")
    demand("held_out", recipe.held_out < 1, "below 1")


MOST_SEED = 2**32 - 1  # of NumPy's older generator, which Keras seeds as well

#: Of what encoders and detectors have in common.
LEAST = {"epochs": 1, "steps": 1, "side": 0, "patience": 0, "seed": 0, "weight_decay": 0}

_LEAST = LEAST | {
    "identities": 2,
    "views": 2,
    "neighbours": 1,
    "validation_pictures": 2,
    "dimension": 0,
    "spread": 0,
}
_MOST = {
    "seed": MOST_SEED,
    "dimension": 1 << 16,  # of an encoder file
    "margin": 2,  # no two unit vectors are farther apart
}
_POSITIVE = ("learning_rate", "temperature", "margin", "held_out")
