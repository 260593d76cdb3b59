from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.models.conftest import Files
from visop.errors import UsageError, WeightsError
from visop.models.encoder_file import read_header
from visop.models.export import MODEL_FILE, convert_in_subprocess, export_in_subprocess
from visop.models.registry import MODELS
from visop.models.weights import Weights, find_weights

SPEC = MODELS["mobilenetv2"]
RANDOM = Weights("random", None, "")


@pytest.mark.slow
def test_refused_weights_reach_the_caller_with_their_reason(files: Files, tmp_path: Path) -> None:
    weights = find_weights(SPEC, str(files.folder / "with classifier.weights.h5"), tmp_path)
    with pytest.raises(WeightsError, match="or with the classifier"):
        export_in_subprocess(SPEC, weights, "avg", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_weights_of_any_kind_can_be_written_as_an_encoder_file(files: Files, tmp_path: Path) -> None:
    weights = find_weights(SPEC, str(files.folder / "right.weights.h5"), tmp_path)
    convert_in_subprocess(SPEC, weights, "rmac", tmp_path / "new.safetensors")
    header = read_header(tmp_path / "new.safetensors")
    assert (header.model, header.pooling, header.dimension, header.card) == ("mobilenetv2", "rmac", 1280, {})
    assert header.shapes["backbone/Conv1/kernel"] == (3, 3, 3, 32)


@pytest.mark.slow
def test_weights_that_change_while_they_are_read_are_refused(files: Files, tmp_path: Path) -> None:
    weights = Weights("file", files.folder / "right.weights.h5", "the digest of the file as it was")
    with pytest.raises(WeightsError, match=r"right\.weights\.h5 changed while it was read"):
        export_in_subprocess(SPEC, weights, "avg", tmp_path)


@pytest.mark.slow
def test_the_graph_is_written_in_full_precision(files: Files, tmp_path: Path) -> None:
    weights = find_weights(SPEC, str(files.folder / "right.weights.h5"), tmp_path)
    export_in_subprocess(SPEC, weights, "max", tmp_path)
    graph = (tmp_path / MODEL_FILE).read_text()
    assert 'element_type="f32"' in graph
    assert 'element_type="f16"' not in graph
    assert 'element_type="bf16"' not in graph


@pytest.mark.slow
def test_the_keras_configuration_of_a_person_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras/keras.json").write_text('{"floatx": "float16", "image_data_format": "channels_last"}')
    monkeypatch.setenv("HOME", str(tmp_path))
    export_in_subprocess(SPEC, RANDOM, "avg", tmp_path)
    assert 'element_type="f16"' not in (tmp_path / MODEL_FILE).read_text()


def test_a_build_that_breaks_says_how_and_what_room_there_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "keras.py").write_text("raise ImportError('no scipy here')")
    with pytest.raises(UsageError, match=r"status 1 \(\d+ MiB are free in .*\): ImportError: no scipy here"):
        export_in_subprocess(SPEC, RANDOM, "avg", tmp_path)
    assert "Traceback" in caplog.text


def test_a_file_of_the_working_folder_takes_the_place_of_no_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "keras.py").write_text("raise ImportError('got as far as this')")
    (tmp_path / "work").mkdir()
    (tmp_path / "work/argparse.py").write_text("raise ImportError('a file of the user')")
    monkeypatch.chdir(tmp_path / "work")
    with pytest.raises(UsageError, match="got as far as this"):
        export_in_subprocess(SPEC, RANDOM, "avg", tmp_path)


def test_a_build_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"building mobilenetv2 took more than 0\.01 s"):
        export_in_subprocess(SPEC, RANDOM, "avg", tmp_path, timeout_s=0.01)


def test_the_program_takes_no_pooling_that_there_is_not(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "visop.models.export", "vgg16", "sum", str(tmp_path)]
    assert subprocess.run(command, capture_output=True, cwd=Path(__file__).parents[2]).returncode == 2
