"""The small SSD, as far as it is plain facts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from visop.errors import UsageError, WeightsError
from visop.models.detector_file import write_detector_file
from visop.processors.registry import built_in_processor
from visop.processors.ssd.small import SmallSsd
from visop.processors.ssd.weights import find_ssd_weights
from visop.settings import Settings


def _written(folder: Path, network: dict[str, object]) -> str:
    path = folder / "small.safetensors"
    tensors = {"conv1/bias": np.zeros(32, np.float32)}
    write_detector_file(path, model="small-ssd", labels=["a", "b"], network=network, tensors=tensors, card={})
    return str(path)


def test_priors_stand_at_every_cell_of_four_maps() -> None:
    priors = SmallSsd(("a",), 128).priors
    assert priors.shape == (32 * 32 * 4 + 16 * 16 * 6 + 8 * 8 * 6 + 4 * 4 * 4, 4)
    assert priors[:, 2:].min() == pytest.approx(0.08 / 2**0.5, abs=1e-3)


def test_a_file_tells_its_side_and_its_labels(tmp_path: Path) -> None:
    path = _written(tmp_path, {"side": 96})
    assert find_ssd_weights("auto", path, tmp_path).network == SmallSsd(("a", "b"), 96)
    for model in ("auto", "small-ssd"):
        processor = built_in_processor(model, Settings(), path)
        assert processor is not None
        assert (processor.name, processor.labels) == ("small-ssd", ("a", "b"))


@pytest.mark.parametrize("side", [100, 0, 2048, "128", 128.0])
def test_a_side_that_there_is_not_is_refused(side: object, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="must be a multiple of 32 from 64 to 1024 for small-ssd"):
        find_ssd_weights("auto", _written(tmp_path, {"side": side}), tmp_path)


def test_it_has_no_weights_but_those_of_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such weights for small-ssd; take a file that `visop train"):
        find_ssd_weights("small-ssd", "auto", tmp_path)
    with pytest.raises(UsageError):
        SmallSsd(("a",), 50)
