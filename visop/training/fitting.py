"""What every kind of training has in common: the optimiser with its learning rate, and the loop over epochs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import keras

from visop.machine import usable_cores
from visop.training.batches import stream, unhidden
from visop.training.callbacks import Bar, EpochEnd
from visop.training.checkpoints import Progress

_CLIP_NORM = 1.0
_WARM_UP_SHARE = 0.05
# Exponents, gains and biases are not shrunk: only kernels are many enough to overfit. Keras searches with these in the
# names of variables, so that a bare p would be in "depthwise_kernel".
_NOT_DECAYED = ["^bias$", "^gain$", "^gamma$", "^beta$", "^p$", "^scale$"]


class _HasEpochs(Protocol):
    @property
    def epochs(self) -> int: ...

    @property
    def steps(self) -> int: ...


@dataclass(frozen=True)
class Epochs:
    """How long to train.

    Attributes:
        count: of epochs.
        steps: of each.
    """

    count: int
    steps: int

    @classmethod
    def of(cls, recipe: _HasEpochs) -> Epochs:
        """As a recipe says."""
        return cls(recipe.epochs, recipe.steps)


def make_optimizer(epochs: Epochs, learning_rate: float, weight_decay: float) -> Any:
    """AdamW, whose rate rises to ``learning_rate`` in the first steps and falls along a cosine."""
    total = epochs.count * epochs.steps
    warm_up = max(1, round(_WARM_UP_SHARE * total))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, total - warm_up), alpha=0.01, warmup_target=learning_rate, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=weight_decay, global_clipnorm=_CLIP_NORM)
    optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    return optimizer


def fit(
    model: Any, make: Callable[[int], Any], progress: Progress, keeper: EpochEnd, epochs: Epochs, *, quiet: bool
) -> None:
    """Train from where the run was; nothing, if it is over.

    Args:
        model: compiled.
        make: the batch of a step: inputs and what the model should answer.
        progress: of the run.
        keeper: ends the epochs.
        epochs: how long.
        quiet: no progress bar.
    """
    if progress.epoch >= epochs.count or keeper.is_over():
        return
    first = progress.epoch * epochs.steps
    bar = Bar(first, epochs.count * epochs.steps, quiet=quiet)
    with unhidden(stream(make, first, usable_cores())) as made:
        model.fit(
            made,
            shuffle=False,
            initial_epoch=progress.epoch,
            epochs=epochs.count,
            steps_per_epoch=epochs.steps,
            callbacks=[bar, keeper],
            verbose=0,
        )
