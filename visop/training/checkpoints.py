"""The state of a run on disk, so that one that was killed goes on as if nothing had happened."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np

from visop.errors import TrainingFailed
from visop.files import move_folder

_STATE = "state.json"
_ARRAYS = "arrays.npz"


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        settings: of the run, JSON values; another run does not go on from here.
        history: what was measured after each epoch.
        judged_by: the measure of which more is better.
    """

    settings: dict[str, Any]
    history: list[dict[str, float]] = field(default_factory=list)
    judged_by: str = "val_recall"

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.history)

    @property
    def best(self) -> int:
        """The epoch, from 1, after which validation was best; 0 before the first."""
        values = [each[self.judged_by] for each in self.history]
        return values.index(max(values)) + 1 if values else 0


class Checkpoints:
    """A folder per epoch, of which the last and the best are kept. Each appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, model: Any, settings: dict[str, Any], judged_by: str = "val_recall") -> Progress:
        """Bring a compiled model to where the run was.

        Args:
            model: its weights and its optimiser are overwritten, if there is anything to go on from.
            settings: of this run, JSON values.
            judged_by: as of ``Progress``, for a run that begins.

        Raises:
            TrainingFailed: what is there is of another run, or damaged.
            OSError: there cannot be such a folder, which shows before the first epoch.
        """
        epochs = sorted(self._folder.glob("epoch-*"))
        if not epochs:
            self._folder.mkdir(parents=True, exist_ok=True)
            return Progress(settings, judged_by=judged_by)
        try:
            progress = Progress(**json.loads((epochs[-1] / _STATE).read_text()))
            self._refuse_other(progress, settings)
            _put(model, epochs[-1] / _ARRAYS)
        except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
            raise TrainingFailed(f"{epochs[-1]} is damaged ({error}); restart to begin anew") from error
        return progress

    def _refuse_other(self, progress: Progress, settings: dict[str, Any]) -> None:
        names = sorted(progress.settings.keys() | settings.keys())
        other = [name for name in names if progress.settings.get(name) != settings.get(name)]
        if other:
            found = "; ".join(f"{name} was {progress.settings.get(name)}, is {settings.get(name)}" for name in other)
            raise TrainingFailed(
                f"{self._folder} is of another run ({found}); restart to begin anew, or choose another file"
            )

    def save(self, model: Any, progress: Progress) -> None:
        """Keep the state after an epoch; those that are neither the last nor the best go."""
        new = self._folder / ".unfinished"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        arrays = {f"{index:05}": keras.ops.convert_to_numpy(each) for index, each in enumerate(_variables(model))}
        np.savez(new / _ARRAYS, **arrays)
        (new / _STATE).write_text(json.dumps(asdict(progress)))
        move_folder(new, self._epoch(progress.epoch))
        for folder in self._folder.glob("epoch-*"):
            if folder not in (self._epoch(progress.epoch), self._epoch(progress.best)):
                shutil.rmtree(folder)

    def load_best(self, model: Any, progress: Progress) -> None:
        """Give the model the weights of the best epoch."""
        _put(model, self._epoch(progress.best) / _ARRAYS)

    def clear(self) -> None:
        """Forget everything."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _epoch(self, number: int) -> Path:
        return self._folder / f"epoch-{number:05}"


def _variables(model: Any) -> list[Any]:
    model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def _put(model: Any, path: Path) -> None:
    variables = _variables(model)
    # Opened here: of a file that is no archive, NumPy would leave it open.
    with path.open("rb") as file, np.load(file) as arrays:
        if len(arrays.files) != len(variables):
            raise ValueError(f"{len(arrays.files)} arrays for {len(variables)} variables")
        for name, variable in zip(sorted(arrays.files), variables, strict=True):
            variable.assign(arrays[name])
