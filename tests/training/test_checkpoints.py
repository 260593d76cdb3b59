from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from visop.errors import TrainingFailed
from visop.training.checkpoints import Checkpoints, Progress

# NumPy 2 says this of TensorFlow's tensors, inside Keras.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RUN = {"epochs": 3, "seed": 0}


def model() -> Any:
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, kernel_initializer="zeros")])
    network.compile("adam", loss="mse")
    return network


def epoch(progress: Progress, recall: float) -> Progress:
    progress.history.append({"val_recall": recall})
    return progress


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_there_is_nothing_to_go_on_from_at_first(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "run").load(model(), RUN).epoch == 0


def test_weights_and_optimiser_come_back(tmp_path: Path) -> None:
    before = model()
    before.fit(np.ones((4, 2)), np.ones((4, 2)), verbose=0)
    Checkpoints(tmp_path).save(before, epoch(Progress(RUN), 0.5))
    after = model()
    progress = Checkpoints(tmp_path).load(after, RUN)
    assert (progress.epoch, progress.history) == (1, [{"val_recall": 0.5}])
    variables = [[*each.variables, *each.optimizer.variables] for each in (before, after)]
    for one, other in zip(*variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_the_last_and_the_best_are_kept_and_the_best_can_be_had(tmp_path: Path) -> None:
    network, progress, checkpoints = model(), Progress(RUN), Checkpoints(tmp_path)
    for number, recall in enumerate((0.1, 0.9, 0.5, 0.6), 1):
        network.layers[0].bias.assign([number, number])
        checkpoints.save(network, epoch(progress, recall))
    assert kept(tmp_path) == ["epoch-00002", "epoch-00004"]
    checkpoints.load_best(network, progress)
    assert network.layers[0].bias.numpy().tolist() == [2, 2]


def test_what_a_kill_left_unfinished_is_not_gone_on_from(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save(model(), epoch(Progress(RUN), 0.5))
    (tmp_path / ".unfinished").mkdir()
    (tmp_path / ".unfinished" / "arrays.npz").write_bytes(b"half")
    assert Checkpoints(tmp_path).load(model(), RUN).epoch == 1


@pytest.mark.parametrize("name", ["arrays.npz", "state.json"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"[1]", b"{}"])
def test_a_damaged_state_is_told(tmp_path: Path, name: str, content: bytes) -> None:
    Checkpoints(tmp_path).save(model(), epoch(Progress(RUN), 0.5))
    (tmp_path / "epoch-00001" / name).write_bytes(content)
    with pytest.raises(TrainingFailed, match=r"epoch-00001 is damaged.*restart to begin anew"):
        Checkpoints(tmp_path).load(model(), RUN)


def test_another_run_is_not_gone_on_with(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save(model(), epoch(Progress(RUN), 0.5))
    with pytest.raises(TrainingFailed, match="seed was 0, is 1"):
        Checkpoints(tmp_path).load(model(), {**RUN, "seed": 1})
