from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visop.errors import TrainingFailed
from visop.evaluation.evaluate import Job, evaluate
from visop.images.decode import ImageLimits
from visop.settings import Settings
from visop.synthetic.transformations import TRANSFORMATIONS
from visop.training.batches import Plan
from visop.training.folders import Pictures
from visop.training.recipe import Labels
from visop.training.validation import Validation, roles

LIMITS = ImageLimits.of(Settings())


def small(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((16, 16)))


def plan() -> Plan:
    return Plan(
        identities=2,
        views=2,
        neighbours=1,
        side=(16, 16),
        seed=0,
        preprocess=small,
    )


def pictures(folder: Path, identities: list[int], labels: Labels) -> Pictures:
    """Noise; all pictures of an identity have its colour."""
    rng = np.random.default_rng(0)
    paths = []
    for number, identity in enumerate(identities):
        colour = np.random.default_rng(identity).integers(0, 200, 3)
        pixels = (colour + rng.integers(0, 56, (32, 32, 3))).astype(np.uint8)
        paths.append(folder / f"{number}.png")
        Image.fromarray(pixels).save(paths[-1])
    return Pictures(paths, identities, labels)


def validation(folder: Path, identities: list[int], labels: Labels) -> Validation:
    return Validation(pictures(folder, identities, labels), plan(), LIMITS, limit=100)


class Pixels:
    """An encoder that knows a picture by its very pixels, and nothing else."""

    def predict_on_batch(self, images: Any) -> Any:
        flat = images.reshape(len(images), -1).astype(np.float32)
        flat -= flat.mean(axis=1, keepdims=True)
        return flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-9)


def test_each_picture_asks_for_itself_where_it_is_its_own_identity(tmp_path: Path) -> None:
    recalls, calibration = validation(tmp_path, [0, 1, 2, 3], "pictures").measure(Pixels(), small, "noise")
    assert recalls["contrast-half"] == 1
    assert calibration.pictures == 4


def test_no_picture_finds_itself_where_people_said_what_belongs_together(tmp_path: Path) -> None:
    gallery, asking = roles(np.array([0, 0, 0, 1, 1, 2]))
    assert gallery.tolist() == [0, 2, 3, 5]
    assert asking.tolist() == [1, 4, 5]  # the last is the only picture of its identity


def test_pixels_do_not_find_another_picture_of_the_same_thing(tmp_path: Path) -> None:
    recalls, _ = validation(tmp_path, [number // 2 for number in range(40)], "folders").measure(
        Pixels(), small, "noise"
    )
    assert recalls["contrast-half"] < 0.5


def test_held_out_pictures_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    found = pictures(tmp_path, [0, 1, 2], "pictures")
    for path in found.paths:
        path.write_bytes(b"no picture")
    with pytest.raises(TrainingFailed, match="of 3 held-out pictures fewer than 2 can be read"):
        Validation(found, plan(), LIMITS, limit=100)


def test_a_model_is_measured_with_pictures_of_its_own_size(tmp_path: Path) -> None:
    seen = set()

    class Model(Pixels):
        def predict_on_batch(self, images: Any) -> Any:
            seen.add(images.shape[1:])
            return super().predict_on_batch(images)

    measured = validation(tmp_path, [0, 1, 2, 3], "pictures")
    measured.recall(Model())
    assert seen == {(16, 16, 3)}
    seen.clear()
    measured.measure(Model(), lambda image: np.asarray(Image.fromarray(image).resize((24, 24))), "noise")
    assert seen == {(24, 24, 3)}


def test_the_card_has_the_numbers_of_an_evaluation_of_the_same_files(tmp_path: Path) -> None:
    recalls, calibration = validation(tmp_path, [0, 1, 2, 3], "pictures").measure(Pixels(), small, "noise")
    paths = [str(path) for path in sorted(tmp_path.iterdir())]
    job = Job("noise", paths, [*TRANSFORMATIONS.values()], LIMITS)
    (outcome,) = evaluate(job, [Evaluated()], on_done=lambda: None)[1]
    assert recalls == {name: ranking.recall_at(1) for name, ranking in outcome.rankings.items()}
    assert replace(calibration, fingerprint="pixels-1") == outcome.calibration


class Evaluated:
    """``Pixels`` as an evaluation wants it."""

    name, about, dimension, fingerprint = "pixels", "pixels", 16 * 16 * 3, "pixels-1"

    def prepare(self, image: np.ndarray) -> np.ndarray:
        return small(image)

    def encode(self, inputs: Sequence[Any]) -> Any:
        return Pixels().predict_on_batch(np.stack(inputs))
