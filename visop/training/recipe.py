"""How to train: every choice in one place. Imports no runtime."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from visop.errors import UsageError
from visop.models.registry import Pooling

Labels = Literal["folders", "pictures"]
Mining = Literal["batch-hard", "semi-hard"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train. The defaults are those of ``visop train``; see its help for what they mean.

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
    side: int = 0
    dimension: int = 0
    epochs: int = 20
    steps: int = 100
    identities: int = 32
    views: int = 3
    neighbours: int = 1
    learning_rate: float = 1e-4
    weight_decay: float = 0.02
    precision: Literal["auto", "f32", "bf16"] = "auto"
    held_out: float = 0.1
    validation_pictures: int = 500
    patience: int = 5
    seed: int = 0
    half: bool = False

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            rule = f"at least {least} and finite" if getattr(self, name) == math.inf else f"at least {least}"
            self._demand(name, least <= getattr(self, name) < math.inf, rule)
        for name, most in _MOST.items():
            self._demand(name, getattr(self, name) <= most, f"at most {most}")
        for name in _POSITIVE:
            self._demand(name, 0 < getattr(self, name) < math.inf, "above 0 and finite")
        self._demand("held_out", self.held_out < 1, "below 1")
        self._demand(
            "neighbours", self.neighbours <= self.identities, f"at most the number of identities, {self.identities}"
        )

    def _demand(self, name: str, holds: bool, rule: str) -> None:
        if not holds:
            raise UsageError(name, f"{getattr(self, name):.10g}", f"must be {rule}")


_LEAST = {
    "epochs": 1,
    "steps": 1,
    "identities": 2,
    "views": 2,
    "neighbours": 1,
    "validation_pictures": 2,
    "side": 0,
    "dimension": 0,
    "patience": 0,
    "seed": 0,
    "spread": 0,
    "weight_decay": 0,
}
_MOST = {
    "seed": 2**32 - 1,  # of NumPy's older generator, which Keras seeds as well
    "dimension": 1 << 16,  # of an encoder file
    "margin": 2,  # no two unit vectors are farther apart
}
_POSITIVE = ("learning_rate", "temperature", "margin", "held_out")
