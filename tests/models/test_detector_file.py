from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from visop.errors import WeightsError
from visop.models.detector_file import (
    digests_of_detector,
    is_detector_file,
    read_detector_header,
    read_detector_tensors,
    write_detector_file,
)
from visop.models.encoder_file import read_header, write_encoder_file

FACTS: dict[str, Any] = {
    "format": 1,
    "kind": "detector",
    "model": "ssd300-voc",
    "labels": ["cat", "", "dog"],
    "network": {"divisor": 8},
    "card": {"name": "test"},
}
TENSORS: dict[str, np.ndarray] = {
    "conv/kernel": np.ones((1, 1, 3, 2), np.float16),
    "conv/bias": np.arange(2, dtype=np.float32),
}


def written(folder: Path, **changed: Any) -> Path:
    path = folder / "detector.safetensors"
    facts = {name: value for name, value in {**FACTS, **changed}.items() if name not in ("format", "kind")}
    write_detector_file(path, tensors=TENSORS, **facts)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = written(tmp_path)
    header, tensors = read_detector_header(path), read_detector_tensors(path)
    assert (header.model, header.labels) == ("ssd300-voc", ("cat", "", "dog"))
    assert (header.network, header.card) == ({"divisor": 8}, {"name": "test"})
    assert header.shapes == {"conv/kernel": (1, 1, 3, 2), "conv/bias": (2,)}
    assert {name: tensor.dtype.name for name, tensor in tensors.items()} == dict.fromkeys(TENSORS, "float32")
    assert is_detector_file(path)


def test_another_card_is_the_same_detector(tmp_path: Path) -> None:
    before = digests_of_detector(written(tmp_path))
    assert digests_of_detector(written(tmp_path, card={"name": "other"})) == before


def test_a_detector_is_no_encoder_and_an_encoder_no_detector(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is of a detector; here an encoder file is needed"):
        read_header(written(tmp_path))
    path = tmp_path / "encoder.safetensors"
    tensors = {"backbone/conv/kernel": TENSORS["conv/kernel"]}
    write_encoder_file(path, model="vgg16", pooling="avg", dimension=2, tensors=tensors, card={})
    assert not is_detector_file(path)
    with pytest.raises(WeightsError, match="is an encoder file; here a detector file is needed"):
        read_detector_header(path)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"format": 2}, "detector file of format 2"),
        ({"model": 3}, "'model' must be a text"),
        ({"network": []}, "objects"),
        ({"card": None}, "objects"),
        ({"labels": []}, "list of 1 to"),
        ({"labels": "cat"}, "list of 1 to"),
        ({"labels": ["cat", 7]}, "list of 1 to"),
        ({"labels": ["x" * 201]}, "at most 200 characters"),
        ({"labels": ["cat", "cat"]}, "none twice"),
        ({"labels": [""]}, "one label at least"),
    ],
    ids=lambda value: json.dumps(value)[:30] if isinstance(value, dict) else "",
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path: Path, changed: dict[str, Any], why: str) -> None:
    path = tmp_path / "detector.safetensors"
    save_file(TENSORS, path, {"visop": json.dumps(FACTS | changed)})
    with pytest.raises(WeightsError, match=why):
        read_detector_header(path)


def test_numbers_must_be_finite(tmp_path: Path) -> None:
    path, tensors = tmp_path / "detector.safetensors", {"conv/bias": np.array([np.nan], np.float32)}
    save_file(tensors, path, {"visop": json.dumps(FACTS)})
    with pytest.raises(WeightsError, match="NaN or inf, in conv/bias"):
        read_detector_tensors(path)
    with pytest.raises(WeightsError, match="NaN or inf"):
        write_detector_file(path, model="m", labels=["a"], tensors=tensors, card={})
