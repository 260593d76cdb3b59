from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from opkit.errors import TrainingFailed
from opkit.inputs.images import ImageLimits
from opkit.settings import Settings
from opkit.training.batches import Plan, Reader
from opkit.training.folders import Labels, Pictures
from opkit.training.validation import Validation, roles


def plan() -> Plan:
    return Plan(
        identities=2,
        views=2,
        neighbours=1,
        side=(16, 16),
        seed=0,
        preprocess=lambda image: np.asarray(Image.fromarray(image).resize((16, 16))),
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
    reader = Reader(ImageLimits.of(Settings()), plan().working_side)
    return Validation(pictures(folder, identities, labels), plan(), reader, limit=100)


class Pixels:
    """An encoder that knows a picture by its very pixels, and nothing else."""

    def predict_on_batch(self, images: Any) -> Any:
        flat = images.reshape(len(images), -1).astype(np.float32)
        flat -= flat.mean(axis=1, keepdims=True)
        return flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-9)


def test_each_picture_asks_for_itself_where_it_is_its_own_identity(tmp_path: Path) -> None:
    recalls, calibration = validation(tmp_path, [0, 1, 2, 3], "pictures").measure(Pixels(), "noise")
    assert recalls["contrast-half"] == 1
    assert calibration.pictures == 4


def test_no_picture_finds_itself_where_people_said_what_belongs_together(tmp_path: Path) -> None:
    gallery, asking = roles(np.array([0, 0, 0, 1, 1, 2]))
    assert gallery.tolist() == [0, 2, 3, 5]
    assert asking.tolist() == [1, 4, 5]  # the last is the only picture of its identity


def test_pixels_do_not_find_another_picture_of_the_same_thing(tmp_path: Path) -> None:
    recalls, _ = validation(tmp_path, [number // 2 for number in range(40)], "folders").measure(Pixels(), "noise")
    assert recalls["contrast-half"] < 0.5


def test_held_out_pictures_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    found = pictures(tmp_path, [0, 1, 2], "pictures")
    for path in found.paths:
        path.write_bytes(b"no picture")
    reader = Reader(ImageLimits.of(Settings()), plan().working_side)
    with pytest.raises(TrainingFailed, match="of 3 held-out pictures fewer than 2 can be read"):
        Validation(found, plan(), reader, limit=100)
