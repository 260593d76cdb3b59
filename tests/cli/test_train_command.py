"""``visop train``, as it is typed, up to the point at which training would begin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import run_command
from visop.cli.main import make_parser
from visop.cli.train import _detection_recipe, _recipe
from visop.errors import SettingsError, UsageError
from visop.settings import load_settings
from visop.training.recipe import Recipe

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("out", ["mine.npy", "mine", "nowhere/mine.safetensors"])
def test_a_file_that_cannot_be_written_is_refused_before_the_work(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=rf"out {out}: must be a name that ends in \.safetensors, in a folder"):
        run_command("train", tmp_path, "--out", out)


_WITHOUT = """
import sys
from visop.cli.main import main

class Absent:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Absent())
sys.exit(main(["train", *sys.argv[2:]]))
"""


@pytest.mark.parametrize(
    ("missing", "backend"), [("tensorflow", ""), ("jax", "jax"), ("keras", ""), ("safetensors", "")]
)
def test_a_package_that_is_missing_is_named_with_the_way_to_install_it(
    missing: str, backend: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", _WITHOUT, missing, str(tmp_path), "--out", str(tmp_path / "mine.safetensors")]
    done = subprocess.run(command, cwd=ROOT, env={"KERAS_BACKEND": backend}, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"visop: {missing} is not installed; to train: pip install 'visop[")


@pytest.mark.parametrize("backend", ["openvino", "theano"])
def test_a_backend_that_cannot_train_is_refused(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(UsageError, match=f"KERAS_BACKEND={backend}: must be one of tensorflow, jax, torch"):
        run_command("train", tmp_path, "--out", tmp_path / "mine.safetensors")


def recipe_of(*flags: str) -> Recipe:
    arguments = make_parser().parse_args(["train", "photos", "--out", "mine.safetensors", *flags])
    return _recipe(arguments, load_settings(os.environ).settings)


def test_pooling_and_precision_are_the_flags_or_the_settings_or_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (recipe_of().pooling, recipe_of().precision) == ("gem", "auto")
    monkeypatch.setenv("OP_POOLING", "rmac")
    monkeypatch.setenv("OP_PRECISION", "f32")
    assert (recipe_of().pooling, recipe_of().precision) == ("rmac", "f32")
    found = recipe_of("--pooling", "max", "--precision", "bf16")
    assert (found.pooling, found.precision) == ("max", "bf16")


def test_each_task_has_its_own_choices_and_defaults() -> None:
    arguments = make_parser().parse_args(["train", "p", "--out", "m.safetensors", "--task", "detect", "--steps", "7"])
    recipe = _detection_recipe(arguments, load_settings(os.environ).settings)
    assert (recipe.steps, recipe.batch, recipe.learning_rate) == (7, 16, 1e-3)
    assert (recipe_of().learning_rate, recipe_of("--learning-rate", "0.5").learning_rate) == (1e-4, 0.5)
    with pytest.raises(UsageError, match="batch 3: is not for --task encode"):
        recipe_of("--batch", "3")


def test_a_folder_without_annotations_is_refused_in_words(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    with pytest.raises(UsageError, match="no annotations in it: there must be XML files in the form of Pascal VOC"):
        run_command("train", tmp_path, "--out", tmp_path / "m.safetensors", "--task", "detect")


@pytest.mark.parametrize("flag", [["--exclude", "*.gif"], ["--no-default-excludes"], ["--follow-links"]])
def test_the_pictures_of_a_detector_are_those_of_its_annotations(flag: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not for --task detect: the annotations name the pictures"):
        run_command("train", tmp_path, "--out", tmp_path / "m.safetensors", "--task", "detect", *flag)


def test_a_precision_that_cannot_be_trained_in_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OP_PRECISION", "int8")
    with pytest.raises(SettingsError, match="OP_PRECISION=int8: training computes in f32 or bf16"):
        recipe_of()
    assert recipe_of("--precision", "f32").precision == "f32"


def test_the_environment_says_what_to_start_from_and_the_flag_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OP_WEIGHTS", "gone.safetensors")
    for flags, name in (((), "gone"), (("--weights", "other.safetensors"), "other")):
        with pytest.raises(UsageError, match=rf"^weights {name}\.safetensors"):
            run_command("train", tmp_path, "--out", tmp_path / "mine.safetensors", *flags)
