"""Weights files, right and wrong; made and loaded by tests/models/refusals.py, in a process with Keras in it."""

from __future__ import annotations

import re

import pytest

from tests.models.conftest import Files

pytestmark = pytest.mark.slow  # making and loading the files takes 15 s


@pytest.mark.parametrize("name", ["right.weights.h5", "right.keras", "right.safetensors", "after training.weights.h5"])
def test_a_right_file_is_taken_weight_by_weight(name: str, files: Files) -> None:
    assert files.answers[name] is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cut short.h5", "is damaged or not of mobilenetv2: .*truncated"),
        ("cut short.keras", "is damaged or not of mobilenetv2: File is not a zip file"),
        ("only the beginning.h5", "is damaged or not of mobilenetv2: .*truncated"),
        ("no weights.keras", "is damaged or not of mobilenetv2: .*model.weights.h5"),
        ("other shape.weights.h5", "is damaged or not of mobilenetv2: .*could not be loaded"),
        ("external link.weights.h5", "holds 2,257,952 weights, mobilenetv2 without its classifier has 2,257,984"),
        ("with classifier.weights.h5", "holds 3,538,984 weights.* or with the classifier"),
        ("forged size.weights.h5", "holds 1,125,899,909,100,576 weights"),
        (
            "lacks a weight.safetensors",
            r"mobilenetv2: backbone/Conv1/kernel has shape None, the model's \(3, 3, 3, 32\)",
        ),
        ("one more weight.safetensors", r"mobilenetv2: backbone/Conv0/kernel has shape \(1,\), the model's None"),
        (
            "other shape.safetensors",
            r"mobilenetv2: backbone/Conv1/kernel has shape \(1, 3, 3, 32\), the model's \(3, 3",
        ),
        ("nan.weights.h5", "holds NaN or inf, in bn_Conv1/gamma"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_with_a_reason(name: str, reason: str, files: Files) -> None:
    answer = files.answers[name]
    assert answer is not None
    assert answer.startswith(str(files.folder / name))
    assert re.search(reason, answer)


@pytest.mark.parametrize("part", ["head", "whitening"])
def test_a_projection_for_another_number_of_channels_is_refused(part: str, files: Files) -> None:
    assert files.answers[f"{part} of another.safetensors"] == f"{part}/kernel is for 99 channels, the model has 1280"


def test_code_in_an_archive_is_not_run(files: Files) -> None:
    assert files.answers["with code.keras"] is None
    assert files.answers["executed"] is False
