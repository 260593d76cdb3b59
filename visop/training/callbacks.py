"""What happens around the epochs of Keras: validation, checkpoints, logs, the progress bar, and reasons to stop."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from tqdm import tqdm

from visop.errors import TrainingFailed
from visop.progress import progress_bar
from visop.training.checkpoints import Checkpoints, Progress

logger = logging.getLogger(__name__)

# Vectors of different pictures whose mean cosine is above this are one vector, for all that a search can tell.
_COLLAPSED = 0.98
# Epochs in which that may still be the start.
_YOUNG = 3


class EpochEnd(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """After each epoch: validates, writes down, keeps the state, and stops when nothing gets better."""

    def __init__(
        self,
        progress: Progress,
        checkpoints: Checkpoints,
        measure: Callable[[Any], dict[str, float]],
        folder: Path,
        patience: int,
        check: Callable[[list[dict[str, float]]], None] = lambda _: None,
    ) -> None:
        """Take part in a run.

        Args:
            progress: of the run; grows.
            checkpoints: where states go.
            measure: of a model, on pictures that it is not trained on; has ``progress.judged_by``.
            folder: where ``history.csv`` and ``tensorboard/`` go.
            patience: epochs without a better measure before training stops; 0 never stops.
            check: raises TrainingFailed if what was measured after each epoch, the last one included, leads nowhere.
        """
        super().__init__()
        self._progress, self._checkpoints, self._measure = progress, checkpoints, measure
        self._folder, self._patience, self._check = folder, patience, check

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: D102 - Keras's
        measured = {name: float(value) for name, value in (logs or {}).items()}
        _refuse_no_number(measured)
        measured |= self._measure(self.model)
        self._check([*self._progress.history, measured])
        self._progress.history.append(measured)
        self._checkpoints.save(self.model, self._progress)
        write_history(self._folder / "history.csv", self._progress)
        write_events(self._folder / "tensorboard", self._progress)
        self._tell(measured)
        if self.is_over():
            measure = self._progress.judged_by.removeprefix("val_")
            logger.info("no better %s for %d epochs: training stops", measure, self._patience)
            self.model.stop_training = True

    def is_over(self) -> bool:
        """Whether the patience has run out."""
        return bool(self._patience) and self._progress.epoch - self._progress.best >= self._patience

    def _tell(self, measured: dict[str, float]) -> None:
        values = "  ".join(f"{name} {value:.4g}" for name, value in measured.items())
        best = "  (best)" if self._progress.best == self._progress.epoch else ""
        tqdm.write(f"epoch {self._progress.epoch}: {values}{best}")


def _refuse_no_number(measured: dict[str, float]) -> None:
    if not math.isfinite(measured["loss"]):
        raise TrainingFailed("the loss is no longer a number; a smaller learning rate helps, or precision f32")


def refuse_collapse(epochs: list[dict[str, float]]) -> None:
    """Raise TrainingFailed if all pictures get nearly the same vector, and that gets no better.

    Args:
        epochs: what was measured after each: ``impostor_similarity`` and ``val_recall``.
    """
    # Random networks know one vector only, too, and leave it by going up and down. So what is new, not as bad as in the
    # beginning for two epochs, or finds more than ever before, has not collapsed.
    alike = [epoch["impostor_similarity"] for epoch in epochs]
    recalls = [epoch["val_recall"] for epoch in epochs]
    is_alike = all(each > _COLLAPSED and each >= alike[0] for each in alike[-2:])
    if is_alike and len(epochs) > _YOUNG and recalls[-1] <= max(recalls[:-1]):
        raise TrainingFailed(
            f"the vectors have collapsed: different pictures have a mean cosine of {alike[-1]:.3f}. A smaller "
            "learning rate, semi-hard mining, or the contrastive loss help"
        )


class Bar(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """One progress bar over all steps of a run, with what the current epoch has measured so far."""

    def __init__(self, done: int, total: int, *, quiet: bool) -> None:
        super().__init__()
        self._bar = progress_bar(total, initial=done, unit=" steps", quiet=quiet, smoothing=0.05)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: D102 - Keras's
        self._bar.set_postfix({name: f"{float(value):.3g}" for name, value in (logs or {}).items()}, refresh=False)
        self._bar.update()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:  # noqa: D102 - Keras's
        self._bar.close()


def write_history(path: Path, progress: Progress) -> None:
    """Write what was measured as CSV: a row per epoch. All of it, every time, so that it never has a row twice."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["epoch", *progress.history[0]])
        writer.writeheader()
        writer.writerows({"epoch": number, **row} for number, row in enumerate(progress.history, 1))


def write_events(folder: Path, progress: Progress) -> None:
    """Add the last epoch to what TensorBoard shows."""
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for name, value in progress.history[-1].items():
            writer.add_scalar(name, value, progress.epoch)
