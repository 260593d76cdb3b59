"""A folder of pictures, an encoder that takes no time, and an evaluation of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visop.evaluation.evaluate import Gallery, Job, Outcome, evaluate
from visop.evaluation.samples import choose_transformations
from visop.images.decode import ImageLimits
from visop.settings import Settings

# So many that a false-positive rate of 1e-2 is supported.
PICTURES = 48

EDITS = ["mirror", "brighter", "noise", "crop-25"]


class Thumbnails:
    """The picture at 6 x 6 pixels: finds what was edited a little, and not what was mirrored."""

    name, about, dimension, fingerprint = "thumbnails", "tiny pictures", 108, "thumbnails-1"

    def prepare(self, image: np.ndarray) -> np.ndarray:
        small = np.asarray(Image.fromarray(image).resize((6, 6)), np.float32).ravel()
        return small - small.mean()

    def encode(self, inputs: Sequence[Any]) -> np.ndarray:
        rows = np.stack(inputs)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def picture(seed: int) -> Image.Image:
    """Soft blotches of random colours."""
    blotches = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), np.uint8)
    return Image.fromarray(blotches).resize((80, 64), Image.Resampling.BICUBIC)


def write_pictures(folder: Path) -> Path:
    folder.mkdir()
    for index in range(PICTURES):
        picture(index).save(folder / f"{index:02}.png")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``PICTURES`` pictures."""
    return write_pictures(tmp_path / "pictures")


def job_of(folder: Path, edits: Sequence[str] = EDITS, **changes: Any) -> Job:
    paths = [str(path) for path in sorted(folder.iterdir())]
    values = {"data": "blotches", "paths": paths, "transformations": choose_transformations(edits)}
    return Job(**values | {"limits": ImageLimits.of(Settings())} | changes)


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Gallery, list[Outcome]]:
    job = job_of(write_pictures(tmp_path_factory.mktemp("evaluated") / "pictures"))
    return (job, *evaluate(job, [Thumbnails()], on_done=lambda: None))
