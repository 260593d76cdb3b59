from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.made_once import MakeOnce
from visop.models import EngineOptions, Selection
from visop.models.engines.engine import Engine
from visop.models.engines.openvino import native_precisions
from visop.settings import Settings

ROOT = Path(__file__).parents[2]
Load = Callable[..., Engine]


def needs(precision: str) -> pytest.MarkDecorator:
    """Skips a test where the processor would have to emulate this arithmetic."""
    return pytest.mark.skipif(precision not in native_precisions(), reason=f"this processor has no {precision}")


@pytest.fixture(scope="session")
def load(model_cache: Path) -> Load:
    """Load the engine of a model on the CPU; settings as keywords."""

    def load(model: str, **settings: object) -> Engine:
        given = {"model": model, "weights": "random", "device": "cpu", "cache_dir": model_cache, **settings}
        chosen = Settings(**given)  # type: ignore[arg-type]
        return Selection.of(chosen).load(EngineOptions.of(chosen))

    return load


class Reference:
    """What tests/models/reference.py made of a model."""

    def __init__(self, folder: Path, model: str) -> None:
        self.weights = str(folder / f"{model}.h5")
        self.arrays: dict[str, np.ndarray] = dict(np.load(folder / f"{model}.npz"))


@pytest.fixture(scope="session")
def reference(make_once: MakeOnce) -> Callable[[str], Reference]:
    """Vectors of plain Keras on TensorFlow, computed once for each model."""

    def made(model: str) -> Reference:
        folder = make_once(
            f"reference-{model}", lambda folder: run_program("tests.models.reference", "vectors", str(folder), model)
        )
        return Reference(folder, model)

    return made


@dataclass(frozen=True)
class Files:
    """What tests/models/refusals.py made: weights files of mobilenetv2, and what loading said to each."""

    folder: Path
    answers: dict[str, Any]


@pytest.fixture(scope="session")
def files(make_once: MakeOnce) -> Files:
    def make(folder: Path) -> None:
        (folder / "files").mkdir()
        (folder / "answers.json").write_text(run_program("tests.models.refusals", str(folder / "files")))

    folder = make_once("refusals", make)
    return Files(folder / "files", json.loads((folder / "answers.json").read_text()))


def run_program(module: str, *arguments: str) -> str:
    """Run a program of the tests in a process of its own; its output."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
