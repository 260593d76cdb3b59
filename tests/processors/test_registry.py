from __future__ import annotations

from pathlib import Path

import pytest

from visop.errors import SettingsError, WeightsError
from visop.models.detector_file import write_detector_file
from visop.models.encoder_file import write_encoder_file
from visop.processors.registry import built_in_processor
from visop.processors.ssd.layout import tensor_shapes
from visop.processors.ssd.processor import Ssd
from visop.processors.ssd.random_weights import random_tensors
from visop.settings import Settings

SETTINGS = Settings()


@pytest.fixture
def detector(tmp_path: Path) -> str:
    path = tmp_path / "own.safetensors"
    tensors = random_tensors(tensor_shapes(3, 32))
    network = {"divisor": 32}
    write_detector_file(path, model="ssd300", labels=["cat", "dog"], tensors=tensors, card={}, network=network)
    return str(path)


def test_detectors_are_found_by_their_names() -> None:
    for name, count in (("ssd300", 20), ("ssd300-coco", 80)):
        found = built_in_processor(name, SETTINGS, "random")
        assert isinstance(found, Ssd)
        assert (found.name, len(found.labels)) == (name, count)


def test_a_detector_file_is_a_processor_wherever_it_is_named(detector: str) -> None:
    for text, weights in ((detector, "auto"), (f"ssd300:{detector}", "auto"), ("ssd300", detector), ("auto", detector)):
        found = built_in_processor(text, SETTINGS, weights)
        assert isinstance(found, Ssd)
        assert found.labels == ("cat", "dog")


def test_what_means_an_encoder_is_no_processor(tmp_path: Path) -> None:
    path = tmp_path / "encoder.safetensors"
    tensors = {"backbone/conv/kernel": random_tensors({"a/kernel": (1, 1, 3, 2)})["a/kernel"]}
    write_encoder_file(path, model="vgg16", pooling="avg", dimension=2, tensors=tensors, card={})
    for text, weights in (("auto", "auto"), ("auto", str(path)), ("vgg16", "auto"), ("auto", "none.safetensors")):
        assert built_in_processor(text, SETTINGS, weights) is None


def test_numbers_and_files_of_others_are_refused(detector: str) -> None:
    with pytest.raises(SettingsError, match="ssd300 takes no number"):
        built_in_processor("ssd300:7", SETTINGS)
    with pytest.raises(SettingsError, match=r"^OP_PROCESSOR=ssd300-coco:.*: contradicts"):
        built_in_processor(f"ssd300-coco:{detector}", SETTINGS)
    with pytest.raises(SettingsError, match=r"^OP_PROCESSOR=ssd300:none\.pth: there is no such file"):
        built_in_processor("ssd300:none.pth", SETTINGS)
    with pytest.raises(WeightsError, match=r"none\.ckpt: there is no such file"):
        built_in_processor("auto", SETTINGS, "none.ckpt")
