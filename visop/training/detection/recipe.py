"""How to train a detector: every choice in one place. Imports no runtime."""

from __future__ import annotations

from dataclasses import dataclass

from visop.training.recipe import LEAST, MOST_SEED, CommonRecipe, demand_numbers


@dataclass(frozen=True, kw_only=True)
class DetectionRecipe(CommonRecipe):
    """How to train a detector. The defaults are those of ``visop train --task detect``.

    A share of 0 that is held out is the split that the data set comes with, or a tenth if it has none.

    Raises:
        UsageError: a choice that cannot work.
    """

    batch: int = 16
    learning_rate: float = 1e-3
    held_out: float = 0.0

    def __post_init__(self) -> None:
        demand_numbers(self, least=_LEAST, most={"seed": MOST_SEED}, positive=("learning_rate",))


_LEAST = LEAST | {"batch": 1, "held_out": 0, "validation_pictures": 1}
