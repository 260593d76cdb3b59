"""Whole runs of training a detector, in processes of their own, of the smallest size that shows something."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest
from PIL import Image

from tests.conftest import running
from visop.client.client import Client
from visop.models.detector_file import read_detector_header, read_detector_tensors
from visop.processors.registry import built_in_processor
from visop.processors.ssd.processor import Ssd
from visop.settings import Settings
from visop.synthetic.scene_folder import generate_scenes
from visop.synthetic.scene_layout import LABELS
from visop.training.detection.detectors import Trainee
from visop.training.detection.prepare import find_network

ROOT = Path(__file__).parents[3]
SMALL = ["--epochs", "3", "--steps", "3", "--side", "64", "--batch", "4", "--precision", "f32", "--held-out", "0.3"]


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "scenes"
    generate_scenes(folder, 24, 64, 0, 1, "voc")
    return folder


def command(scenes: Path, out: Path, *more: str) -> list[str]:
    visop = [sys.executable, "-m", "visop", "train", "--task", "detect"]
    return [*visop, str(scenes), "--out", str(out), *SMALL, *more]


def environment(backend: str = "tensorflow") -> dict[str, str]:
    return os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}


def run(scenes: Path, out: Path, *more: str, backend: str = "tensorflow") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(scenes, out, *more), cwd=ROOT, env=environment(backend), capture_output=True, text=True
    )


@pytest.fixture(scope="session")
def trained(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "small.safetensors"
    done = run(scenes, out)
    assert done.returncode == 0, done.stderr
    assert f"{out}: mAP@0.5 " in done.stdout
    return out


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_leaves_a_detector_file_with_its_card(trained: Path) -> None:
    header = read_detector_header(trained)
    assert (header.model, header.labels, header.network) == ("small-ssd", LABELS, {"side": 64})
    assert header.card["data"]["pictures"] + header.card["data"]["held_out"] == 24
    assert header.card["settings"]["batch"] == 4
    assert set(header.card["metrics"]["by_label"]) <= set(LABELS)
    rows = list(csv.DictReader((trained.with_name(f"{trained.name}.run") / "history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert {"loss", "location", "confidence", "val_map", "val_map_coco"} < set(rows[0])
    assert list((trained.with_name(f"{trained.name}.run") / "tensorboard").glob("events.*"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_was_trained_is_served_as_it_was_measured(scenes: Path, trained: Path, tmp_path: Path) -> None:
    processor = built_in_processor("auto", Settings(cache_dir=tmp_path), str(trained))
    assert isinstance(processor, Ssd)
    processor.load()
    files = [path.read_bytes() for path in sorted((scenes / "JPEGImages").iterdir())]
    inputs = np.stack([processor.preprocess(np.asarray(Image.open(io.BytesIO(file)))) for file in files])
    trainee = Trainee(find_network("small-ssd", LABELS, 64), str(trained), 0)
    measured = np.asarray(trainee.served(read_detector_tensors(trained))(inputs))
    answered = np.stack(processor.infer(inputs[:4]))
    np.testing.assert_allclose(answered[..., :4], measured[:4, :, :4], atol=1e-3)
    np.testing.assert_allclose(answered[..., 4:].argmax(axis=2), measured[:4, :, 4:].argmax(axis=2))
    with running(processor) as server, Client(server.address) as client:
        assert client.identity().operator.labels == LABELS
        assert len(client.detect(images=files)) == len(files)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_that_was_killed_ends_with_the_same_weights(scenes: Path, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed.safetensors"
    process = subprocess.Popen(
        command(scenes, out), cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (tmp_path / "killed.safetensors.run" / "epoch-00001").exists():
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = run(scenes, out)
    assert "going on after epoch" in done.stderr
    whole, resumed = read_detector_tensors(trained), read_detector_tensors(out)
    assert whole.keys() == resumed.keys()
    for name, tensor in whole.items():
        np.testing.assert_array_equal(resumed[name], tensor, err_msg=name)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_another_run_is_not_gone_on_with(scenes: Path, trained: Path) -> None:
    done = run(scenes, trained, "--batch", "5")
    assert done.returncode == 1
    assert "batch was 4, is 5" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_goes_on_from_a_detector_file_and_stores_half(scenes: Path, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "half.safetensors"
    done = run(scenes, out, "--weights", str(trained), "--half", "--epochs", "1")
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size < 0.6 * trained.stat().st_size


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_trains_on_another_backend(scenes: Path, tmp_path: Path) -> None:
    done = run(scenes, tmp_path / "jax.safetensors", "--epochs", "1", "--steps", "1", backend="jax")
    assert done.returncode == 0, done.stderr
