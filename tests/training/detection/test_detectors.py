"""What the training of a detector starts from."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

from visop.errors import SettingsError, UsageError, WeightsError
from visop.models.detector_file import write_detector_file
from visop.training.detection.detectors import Trainee
from visop.training.detection.prepare import find_network


@pytest.fixture(scope="module")
def trainee() -> Trainee:
    return Trainee(find_network("auto", ("a", "b"), 64), "auto", 0)


def _written(folder: Path, trainee: Trainee, labels: tuple[str, ...]) -> str:
    path, network = folder / "old.safetensors", trainee.network
    write_detector_file(
        path, model=network.name, labels=labels, network=network.facts, tensors=trainee.tensors(), card={}
    )
    return str(path)


def test_maps_of_pictures_are_about_as_large_as_random_weights_make_them(trainee: Trainee) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    answers = np.asarray(trainee.model(images))
    assert answers.shape == (2, len(trainee.network.priors), 4 + 3)
    assert np.abs(answers).max() < 5


@pytest.mark.slow
def test_a_detector_file_of_the_same_labels_goes_on(trainee: Trainee, tmp_path: Path) -> None:
    path = _written(tmp_path, trainee, ("a", "b"))
    again = Trainee(find_network("small-ssd", ("a", "b"), 64), path, 7).tensors()
    for name, tensor in trainee.tensors().items():
        np.testing.assert_array_equal(again[name], tensor, err_msg=name)


@pytest.mark.slow
def test_of_other_labels_all_but_the_classes_is_taken(trainee: Trainee, tmp_path: Path) -> None:
    path = _written(tmp_path, trainee, ("a", "b"))
    other = Trainee(find_network("auto", ("c",), 64), path, 7).tensors()
    np.testing.assert_array_equal(other["boxes1/kernel"], trainee.tensors()["boxes1/kernel"])
    assert other["classes1/kernel"].shape[-1] == 4 * 2


def test_what_does_not_fit_is_refused(trainee: Trainee, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="OP_MODEL=yolo: must be one of small-ssd, ssd300"):
        find_network("yolo", ("a",), 0)
    with pytest.raises(UsageError, match="side 100: must be a multiple of 32 from 64 to 1024 for small-ssd"):
        find_network("auto", ("a",), 100)
    with pytest.raises(UsageError, match="side 320: must be 300 for ssd300"):
        find_network("ssd300", ("a",), 320)
    with pytest.raises(WeightsError, match="must be auto, random, or a detector file"):
        Trainee(trainee.network, "weights.h5", 0)
