from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.processors.ssd.torch_files import write_torch_file
from visop.errors import SettingsError, WeightsError
from visop.models.detector_file import write_detector_file
from visop.processors.boxes import Floats
from visop.processors.ssd.layout import tensor_shapes
from visop.processors.ssd.published_names import torch_name
from visop.processors.ssd.random_weights import random_tensors
from visop.processors.ssd.variants import SSD300_COCO, Variant
from visop.processors.ssd.weights import SsdWeights, find_ssd_weights, published_digest


def narrow(labels: tuple[str, ...], divisor: int = 32) -> dict[str, Floats]:
    return random_tensors(tensor_shapes(1 + len(labels), divisor))


def detector_file(folder: Path, model: str = "ssd300", divisor: object = 32) -> Path:
    path = folder / "own.safetensors"
    labels = ("cat", "dog")
    network = {"divisor": divisor}
    write_detector_file(path, model=model, labels=labels, tensors=narrow(labels), card={}, network=network)
    return path


@pytest.mark.parametrize("model", ["ssd300", "ssd300-coco"])
def test_missing_weights_say_what_to_do(model: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as error:
        find_ssd_weights(model, "auto", tmp_path)
    for said in (str(tmp_path), f"data/prepare_model.sh {model}", "visop convert", "visop train", "OP_WEIGHTS=random"):
        assert said in str(error.value)


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / SSD300_COCO.file).write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"is not the published file: its digest is [0-9a-f]{64}, must be b556d3b4"):
        find_ssd_weights("ssd300-coco", "auto", tmp_path)


def test_digests_are_those_of_sha256sum_and_of_git(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"hello\n")
    assert published_digest(path, 40) == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object
    assert published_digest(path, 64) == "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"


def test_a_detector_file_says_what_it_is_of(tmp_path: Path) -> None:
    found = find_ssd_weights("auto", str(detector_file(tmp_path)), tmp_path)
    assert isinstance(found.network, Variant)
    assert (found.network.name, found.network.labels, found.network.divisor) == ("ssd300", ("cat", "dog"), 32)
    assert found.tensors().keys() == tensor_shapes(3, 32).keys()


@pytest.mark.parametrize(
    ("model", "divisor", "why"),
    [("ssd999", 1, "a detector on ssd999"), ("ssd300", 3, "'divisor' is 3"), ("ssd300", "x", "'divisor' is 'x'")],
    ids=["unknown", "odd", "a text"],
)
def test_a_detector_file_of_another_network_is_refused(tmp_path: Path, model: str, divisor: object, why: str) -> None:
    with pytest.raises(WeightsError, match=why):
        find_ssd_weights("auto", str(detector_file(tmp_path, model, divisor)), tmp_path)


def test_a_file_of_the_other_variant_contradicts_the_model(tmp_path: Path) -> None:
    path = detector_file(tmp_path, "ssd300-coco")
    with pytest.raises(SettingsError, match=r"contradicts .*own\.safetensors, which is of ssd300-coco"):
        find_ssd_weights("ssd300", str(path), tmp_path)


@pytest.mark.parametrize("name", ["none.pth", "none.ckpt", "none.zip", "none", "model.onnx", "none.safetensors"])
def test_what_is_no_file_of_weights_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsError, match=r"there is no such file|a detector's weights end in"):
        find_ssd_weights("ssd300", str(tmp_path / name), tmp_path)


def test_torchvision_files_are_read_by_their_names(tmp_path: Path) -> None:
    path, labels = tmp_path / "model.pth", ("cat",)
    tensors = narrow(labels)
    there = {torch_name(name): each.transpose(3, 2, 0, 1) if each.ndim == 4 else each for name, each in tensors.items()}
    write_torch_file(path, there)
    network = Variant(**(vars(SSD300_COCO) | {"labels": labels, "divisor": 32}))
    found = SsdWeights(network, "file", path, "").tensors()
    for name, expected in tensors.items():
        np.testing.assert_array_equal(found[name], expected)


def test_a_torchvision_file_of_other_classes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    write_torch_file(path, {"backbone.scale_weight": np.ones(512, np.float32)})
    with pytest.raises(WeightsError, match=r"backbone\.features\.0\.weight has shape None, must be"):
        find_ssd_weights("ssd300-coco", str(path), tmp_path).tensors()


def test_random_weights_are_the_same_for_everybody(tmp_path: Path) -> None:
    found = find_ssd_weights("ssd300", "random", tmp_path)
    assert (found.kind, found.path, len(found.sha256)) == ("random", None, 64)
    first = random_tensors({"conv1_1/kernel": (3, 3, 3, 4)})["conv1_1/kernel"]
    np.testing.assert_allclose(first[0, 0, 0, :2], [0.3041782, -0.3775276], rtol=1e-6)
