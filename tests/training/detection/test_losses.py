"""What a detector minimises, against plain NumPy."""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest
from keras import ops

from visop.training.detection.losses import confidence, location, multibox
from visop.training.detection.matching import IGNORED


def _random(seed: int, pictures: int = 3, priors: int = 40, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=(pictures, priors, 5)).astype(np.float32)
    targets[..., 4] = rng.choice([IGNORED, 0, 0, 0, 0, 0, 0, 0, 1, 3], (pictures, priors))
    return targets, rng.normal(size=(pictures, priors, 4 + classes)).astype(np.float32) * 2


def _plain(targets: np.ndarray, predictions: np.ndarray) -> tuple[float, float]:
    """Both losses, picture by picture and prior by prior."""
    where, what, positives = 0.0, 0.0, 0
    for wanted, given in zip(targets, predictions, strict=True):
        logits = given[:, 4:] - given[:, 4:].max(axis=1, keepdims=True)
        negative_log = np.log(np.exp(logits).sum(axis=1, keepdims=True)) - logits
        count = int((wanted[:, 4] > 0).sum())
        for row in np.flatnonzero(wanted[:, 4] > 0):
            for distance in np.abs(wanted[row, :4] - given[row, :4]):
                where += 0.5 * distance**2 if distance < 1 else distance - 0.5
            what += negative_log[row, int(wanted[row, 4])]
        background = np.sort(negative_log[wanted[:, 4] == 0, 0])[::-1]
        what += background[: max(3 * count, 3)].sum()
        positives += count
    return where / max(positives, 1), what / max(positives, 1)


@pytest.mark.parametrize("seed", range(3))
def test_losses_are_those_of_the_paper(seed: int) -> None:
    targets, predictions = _random(seed)
    where, what = _plain(targets, predictions)
    assert float(location(targets, predictions)) == pytest.approx(where, rel=1e-4)
    assert float(confidence(targets, predictions)) == pytest.approx(what, rel=1e-4)
    assert float(multibox(targets, predictions)) == pytest.approx(where + what, rel=1e-4)


def test_pictures_of_nothing_teach_what_the_background_is() -> None:
    targets, predictions = _random(0)
    targets[..., 4] = 0
    assert float(location(targets, predictions)) == 0
    assert 0 < float(confidence(targets, predictions)) < 1000


def test_what_is_computed_in_bf16_can_be_measured() -> None:
    targets, predictions = _random(0)
    assert np.isfinite(float(multibox(targets, ops.cast(predictions, "bfloat16"))))
