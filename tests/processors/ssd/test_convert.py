from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from visop.cli.main import main
from visop.models.detector_file import read_detector_header
from visop.processors.ssd.convert import convert_ssd
from visop.processors.ssd.variants import SSD300_COCO
from visop.processors.ssd.weights import SsdWeights, find_ssd_weights


def test_what_is_converted_is_the_same_detector(tmp_path: Path) -> None:
    weights = SsdWeights(replace(SSD300_COCO, divisor=32), "random", None, "")
    out = tmp_path / "coco.safetensors"
    converted = convert_ssd(weights, out)
    assert converted.network == weights.network
    found = converted.tensors()
    for name, expected in weights.tensors().items():
        np.testing.assert_array_equal(found[name], expected)
    header = read_detector_header(out)
    assert header.card["summary"] == "ssd300-coco with random weights"
    assert header.network == {"divisor": 32}


@pytest.mark.slow
def test_the_command_writes_a_detector_file_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "voc.safetensors"
    assert main(["convert", "--model", "ssd300", "--weights", "random", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: ssd300, 20 kinds of objects\n"
    assert find_ssd_weights("auto", str(out), tmp_path).network.name == "ssd300"
    assert main(["convert", "--weights", str(out), "--out", str(tmp_path / "again.safetensors")]) == 2
    assert "is a detector file already" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "convert",
        "--model",
        "ssd300-coco",
        "--data-dir",
        str(tmp_path),
        "--out",
        str(tmp_path / "a.safetensors"),
    ]
    assert main(command) == 2
    assert "data/prepare_model.sh ssd300-coco" in capsys.readouterr().err
