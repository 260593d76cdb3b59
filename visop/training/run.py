"""A run of training of any kind: what it goes on from, its epochs, and the best of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from visop.training.callbacks import EpochEnd
from visop.training.checkpoints import Checkpoints, Progress
from visop.training.fitting import Epochs, fit
from visop.training.recipe import CommonRecipe

logger = logging.getLogger(__name__)

#: Of a model: measures by their names, of pictures that it is not trained on.
Measure = Callable[[Any], dict[str, float]]


class TrainingRun:
    """A run, which begins or goes on where it was interrupted.

    Args:
        model: compiled.
        out: the file that is written in the end; beside it, in ``OUT.run/``, stand the state of the run and its logs.
        facts: what makes this run this run, JSON values.
        judged_by: as of ``Progress``.
        restart: begin anew, over what there is.

    Attributes:
        progress: of the run.

    Raises:
        TrainingFailed: what is there is of another run, or damaged.
    """

    def __init__(self, model: Any, out: Path, facts: dict[str, Any], judged_by: str, *, restart: bool) -> None:
        self._model, self._folder = model, out.with_name(f"{out.name}.run")
        self._checkpoints = Checkpoints(self._folder)
        if restart:
            self._checkpoints.clear()
        self.progress: Progress = self._checkpoints.load(model, facts, judged_by)

    def tell(self, before: Callable[[], str]) -> None:
        """Say where the run is: of one that begins, how good the model is before."""
        if self.progress.epoch:
            logger.info("going on after epoch %d", self.progress.epoch)
        else:
            logger.info(before())

    def train(
        self,
        recipe: CommonRecipe,
        make: Callable[[int], Any],
        measure: Measure,
        check: Callable[[list[dict[str, float]]], None] = lambda _: None,
        *,
        quiet: bool,
    ) -> None:
        """Train to the end, and leave the weights of the best epoch in the model.

        Args:
            recipe: how.
            make: the batch of a step, as of ``fit``.
            measure: after each epoch; has what the run is judged by.
            check: as of ``EpochEnd``.
            quiet: no progress bar.

        Raises:
            TrainingFailed: the run cannot go on; says why.
        """
        keeper = EpochEnd(self.progress, self._checkpoints, measure, self._folder, recipe.patience, check)
        fit(self._model, make, self.progress, keeper, Epochs.of(recipe), quiet=quiet)
        self._checkpoints.load_best(self._model, self.progress)
