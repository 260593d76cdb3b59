"""Whole runs, in processes of their own, of the smallest size that shows something."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from visop.models.encoder_file import read_header, read_tensors
from visop.models.selection import Selection
from visop.settings import Settings
from visop.synthetic.generate import generate_folder

ROOT = Path(__file__).parents[2]
SMALL = ["--epochs", "3", "--steps", "3", "--side", "64", "--identities", "8", "--precision", "f32"]
SMALL += ["--validation-pictures", "48", "--held-out", "0.25"]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "pictures"
    generate_folder(folder, 48, 64, 0, 1)
    return folder


def command(pictures: Path, out: Path, *more: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "visop",
        "train",
        str(pictures),
        "--out",
        str(out),
        "--weights",
        "random",
        *SMALL,
        *more,
    ]


def environment(backend: str = "tensorflow") -> dict[str, str]:
    return os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}


def run(pictures: Path, out: Path, *more: str, backend: str = "tensorflow") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(pictures, out, *more), cwd=ROOT, env=environment(backend), capture_output=True, text=True
    )


@pytest.fixture(scope="session")
def trained(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "small.safetensors"
    done = run(pictures, out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_leaves_an_encoder_file_with_its_card(trained: Path) -> None:
    header = read_header(trained)
    assert (header.model, header.pooling, header.dimension) == ("embedded", "gem", 256)
    data = header.card["data"]
    assert (data["folder"], len(data["files"])) == ("pictures", 64)
    assert data["pictures"] + data["held_out"] == 48
    assert (header.card["settings"]["resize"], header.card["settings"]["epochs"]) == ("bilinear", 3)
    assert set(header.card["metrics"]["recall_at_1"]) > {"mean", "rotate-90", "mirror"}
    assert header.card["calibration"]["pairs"] > 0
    # As what serves it calls its vectors, so that they get verdicts.
    served = Selection.of(Settings(weights=str(trained)))
    assert header.card["calibration"]["fingerprint"] == served.fingerprint("f32")
    assert header.has_ranges
    assert header.card["ranges"]["percentile"] == 99.95


@pytest.mark.slow
def test_a_run_writes_down_every_epoch(trained: Path) -> None:
    folder = trained.with_name(f"{trained.name}.run")
    rows = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert {"loss", "val_recall", "impostor_similarity"} < set(rows[0])
    assert list((folder / "tensorboard").glob("events.*"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_that_was_killed_ends_with_the_same_weights(pictures: Path, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed.safetensors"
    process = subprocess.Popen(
        command(pictures, out), cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(tmp_path / "killed.safetensors.run" / "epoch-00001", process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = run(pictures, out)
    assert re.search("going on after epoch [12]", done.stderr)
    whole, resumed = read_tensors(trained), read_tensors(out)
    assert whole.keys() == resumed.keys()
    for name, tensor in whole.items():
        np.testing.assert_array_equal(resumed[name], tensor, err_msg=name)


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    while not path.exists():
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_another_run_is_not_gone_on_with(pictures: Path, trained: Path) -> None:
    done = run(pictures, trained, "--margin", "0.7")
    assert done.returncode == 1
    assert "margin was 0.3, is 0.7" in done.stderr
    assert "restart to begin anew" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_state_that_cannot_be_kept_ends_the_run_in_words(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors.run").write_text("in the way of the folder")
    done = run(pictures, tmp_path / "a.safetensors", "--steps", "1")
    assert done.returncode == 3
    assert "a.safetensors.run" in done.stderr.splitlines()[-1]
    assert "visop: not finished" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_size_that_the_model_cannot_take_is_wrong_usage(pictures: Path, tmp_path: Path) -> None:
    done = run(pictures, tmp_path / "a.safetensors", "--side", "100")
    assert done.returncode == 2
    assert "--side 100: does not go with embedded" in done.stderr
    assert "multiples of 64" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_triplets_train_a_model_of_keras(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "triplet.safetensors"
    more = ["--model", "mobilenetv2", "--loss", "triplet", "--mining", "semi-hard", "--dimension", "64"]
    done = run(pictures, out, *more, "--identities", "4", "--epochs", "1")
    assert done.returncode == 0, done.stderr
    assert read_header(out).dimension == 64
    assert "active" in (tmp_path / "triplet.safetensors.run" / "history.csv").read_text()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_trains_on_another_backend(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "jax.safetensors"
    done = run(pictures, out, "--epochs", "1", "--steps", "1", backend="jax")
    assert done.returncode == 0, done.stderr
    assert read_header(out).card["settings"]["backend"] == "jax"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_collapse_is_told_and_ends_the_run(pictures: Path, tmp_path: Path) -> None:
    done = run(pictures, tmp_path / "c.safetensors", "--loss", "triplet", "--learning-rate", "10", "--epochs", "6")
    assert done.returncode == 1
    assert "collapsed" in done.stderr or "no longer a number" in done.stderr
