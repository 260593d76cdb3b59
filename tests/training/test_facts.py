"""What a run is known by when it goes on. Backend: TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from visop.images.decode import ImageLimits
from visop.models.selection import Selection
from visop.settings import Settings
from visop.training.folders import Pictures
from visop.training.recipe import Recipe
from visop.training.train import _facts, _files


def facts(**choice: Any) -> dict[str, Any]:
    settings = Settings(weights="random", **choice)
    return _facts(Selection.of(settings), Recipe(), ImageLimits.of(settings))


@pytest.mark.parametrize("choice", [{"resize": "nearest"}, {"max_pixels": 1000}, {"formats": ("JPEG",)}])
def test_a_run_does_not_go_on_with_other_preprocessing(choice: dict[str, Any]) -> None:
    assert facts(**choice) != facts()


def test_the_facts_are_the_same_after_they_were_written_down() -> None:
    assert json.loads(json.dumps(facts())) == facts()


def test_a_run_does_not_go_on_with_other_files_or_another_split(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path in paths:
        path.write_bytes(b"a")

    def files(training: list[Path], held_out: list[Path]) -> Any:
        return _files(tmp_path, *(Pictures(part, range(len(part)), "pictures") for part in (training, held_out)))

    before = files(paths[:2], paths[2:])
    assert before == files(paths[:2], paths[2:])
    assert before["files"] != files(paths[::2], paths[1::2])["files"]
    paths[3].write_bytes(b"longer")
    assert before["files"] != files(paths[:2], paths[2:])["files"]
