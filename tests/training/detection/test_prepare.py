"""What is wrong with a run is said before a minute is spent on Keras."""

from __future__ import annotations

from pathlib import Path

import pytest

from visop.errors import UsageError, VisopError
from visop.training.detection.prepare import prepare
from visop.training.detection.recipe import DetectionRecipe


@pytest.mark.parametrize(
    ("model", "weights", "recipe", "why"),
    [
        ("vgg16", "auto", {}, "OP_MODEL=vgg16: must be one of small-ssd, ssd300, ssd300-coco"),
        ("ssd300", "auto", {}, "no weights to start ssd300 from"),
        ("auto", "imagenet", {}, "imagenet: must be auto, random, or a detector file"),
        ("auto", "none.safetensors", {}, "none.safetensors: there is no such file"),
        ("auto", "auto", {"side": 100}, "must be a multiple of 32"),
        ("auto", "auto", {}, "no annotations in it"),
    ],
)
def test_what_is_wrong_is_said(model: str, weights: str, recipe: dict[str, int], why: str, tmp_path: Path) -> None:
    with pytest.raises(VisopError, match=why) as caught:
        prepare(tmp_path, model, weights, DetectionRecipe(**recipe))  # type: ignore[arg-type]
    assert isinstance(caught.value, UsageError)
