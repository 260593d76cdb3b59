"""How to train a detector: every choice in one place. Imports no runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from visop.training.recipe import MOST_SEED, demand_numbers


@dataclass(frozen=True, kw_only=True)
class DetectionRecipe:
    """How to train a detector. The defaults are those of ``visop train --task detect``.

    A share of 0 that is held out is the split that the data set comes with, or a tenth if it has none.

    Raises:
        UsageError: a choice that cannot work.
    """

    side: int = 0
    epochs: int = 20
    steps: int = 100
    batch: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    precision: Literal["auto", "f32", "bf16"] = "auto"
    held_out: float = 0.0
    validation_pictures: int = 500
    patience: int = 5
    seed: int = 0
    half: bool = False

    def __post_init__(self) -> None:
        demand_numbers(self, least=_LEAST, most={"seed": MOST_SEED}, positive=("learning_rate",))


_LEAST = {
    "side": 0,
    "epochs": 1,
    "steps": 1,
    "batch": 1,
    "weight_decay": 0,
    "held_out": 0,
    "validation_pictures": 1,
    "patience": 0,
    "seed": 0,
}
