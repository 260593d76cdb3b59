from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.models.conftest import Files, Load
from visop.models.engines import openvino
from visop.models.engines.openvino import DEFAULT_BATCH
from visop.models.registry import MODELS


def pictures(count: int, size: int = 224) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)


def test_the_precision_is_never_left_to_openvino() -> None:
    assert openvino.cpu_options("f32", 0)["INFERENCE_PRECISION_HINT"] == "f32"


def test_a_limited_number_of_threads_is_not_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(openvino, "usable_cores", lambda: 2)
    assert openvino.cpu_options("f32", 0)["INFERENCE_NUM_THREADS"] == 2
    assert openvino.cpu_options("f32", 3)["INFERENCE_NUM_THREADS"] == 3
    assert openvino.cpu_options("f32", 3)["ENABLE_CPU_PINNING"] is False


def test_all_cores_are_left_to_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(openvino, "usable_cores", lambda: 64)
    assert "INFERENCE_NUM_THREADS" not in openvino.cpu_options("f32", 0)


def test_a_batch_gives_what_its_pictures_give_alone(load: Load) -> None:
    engine, images = load("mobilenetv2", precision="f32"), pictures(DEFAULT_BATCH)
    alone = np.concatenate([engine(images[i : i + 1]) for i in range(len(images))])
    assert engine.max_batch == DEFAULT_BATCH
    np.testing.assert_allclose(engine(images), alone, atol=1e-6)


def test_vectors_are_the_callers_own(load: Load) -> None:
    engine = load("mobilenetv2", precision="f32")
    first = engine(pictures(2))
    kept = first.copy()
    engine(255 - pictures(2))
    assert first.flags.writeable
    np.testing.assert_array_equal(first, kept)


@pytest.mark.slow  # builds a model of its own
def test_features_of_zeros_give_zeros_and_never_nan(load: Load, files: Files, tmp_path: Path) -> None:
    path = shutil.copy(files.folder / "right.weights.h5", tmp_path / "zeros.weights.h5")
    with h5py.File(path, "r+") as file:
        file.visititems(
            lambda _, item: item.write_direct(np.zeros_like(item)) if isinstance(item, h5py.Dataset) else None
        )
    np.testing.assert_array_equal(load("mobilenetv2", weights=str(path))(pictures(2)), 0)


def test_the_settings_choose_the_batch(load: Load) -> None:
    assert load("mobilenetv2", max_batch=3).max_batch == 3


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("precision", ["f32", "auto"])
@pytest.mark.parametrize("model", MODELS)
def test_every_model_answers(model: str, precision: str, load: Load) -> None:
    spec = MODELS[model]
    vectors = load(model, precision=precision)(pictures(3, spec.height))
    assert vectors.shape == (3, spec.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert not np.allclose(vectors[0], vectors[1], atol=1e-4)


START = """
import sys
from pathlib import Path
from visop.models import EngineOptions, Selection
from visop.settings import Settings
settings = Settings(model="mobilenetv2", weights="random", device="cpu", cache_dir=Path(sys.argv[1]))
Selection.of(settings).load(EngineOptions.of(settings))
print(*{"keras", "tensorflow", "h5py", "torch", "jax"} & set(sys.modules))
"""


@pytest.mark.parametrize("start", [pytest.param("first", marks=pytest.mark.slow), "second"])
def test_a_process_that_serves_imports_no_keras(start: str, load: Load, model_cache: Path, tmp_path: Path) -> None:
    load("mobilenetv2")
    cache = tmp_path if start == "first" else model_cache
    command = [sys.executable, "-W", "error", "-c", START, str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
