"""How to train: every choice in one place. Imports no runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from opkit.models.registry import Pooling

Labels = Literal["folders", "pictures"]
Mining = Literal["batch-hard", "semi-hard"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train. The defaults are those of ``opkit train``; see its help for what they mean."""

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
