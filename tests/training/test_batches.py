from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from opkit.errors import TrainingFailed
from opkit.inputs.images import ImageLimits, resize_image
from opkit.settings import Settings
from opkit.training.batches import Batches, Plan, Reader, stream
from opkit.training.folders import find_pictures
from opkit.training.recipe import Labels

SIDE = 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(12):
        (tmp_path / str(number // 3)).mkdir(exist_ok=True)
        values = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(values).resize((80, 60)).save(tmp_path / str(number // 3) / f"{number:02}.png")
    return tmp_path


def preprocess(image: np.ndarray) -> np.ndarray:
    return resize_image(image, SIDE, SIDE, "bilinear")


def batches(folder: Path, labels: Labels = "pictures", *, neighbours: int = 1, seed: int = 0) -> Batches:
    plan = Plan(identities=4, views=3, neighbours=neighbours, side=(SIDE, SIDE), seed=seed, preprocess=preprocess)
    return Batches(find_pictures(folder, labels), plan, Reader(ImageLimits.of(Settings()), 64))


def test_a_batch_has_the_originals_first_and_their_copies_after(folder: Path) -> None:
    images, labels = batches(folder).make(0)
    assert images.shape == (12, SIDE, SIDE, 3)
    assert images.dtype == np.uint8
    assert labels.tolist() == [[identity, int(view == 0)] for view in range(3) for identity in range(4)]
    originals = {preprocess(np.asarray(Image.open(path))).tobytes() for path in folder.rglob("*.png")}
    assert {image.tobytes() for image in images[:4]} <= originals
    assert not {image.tobytes() for image in images[4:]} & originals


def test_labels_of_people_make_every_picture_an_original(folder: Path) -> None:
    _, labels = batches(folder, "folders").make(0)
    assert labels[:, 0].tolist() == [0, 1, 2, 3] * 3
    assert labels[:, 1].tolist() == [1] * 12


def test_a_step_is_the_same_in_every_run_and_unlike_any_other(folder: Path) -> None:
    first, again, next_one = batches(folder).make(3)[0], batches(folder).make(3)[0], batches(folder).make(4)[0]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, next_one)
    assert not np.array_equal(first, batches(folder, seed=1).make(3)[0])


def test_a_stream_gives_the_steps_in_order_from_any_on(folder: Path) -> None:
    maker = batches(folder)
    going_on = list(itertools.islice(stream(maker.make, 2, 3), 3))
    for step, (images, _) in enumerate(going_on, 2):
        np.testing.assert_array_equal(images, maker.make(step)[0])


def test_neighbours_stand_together(folder: Path) -> None:
    images, _ = batches(folder, neighbours=2).make(0)
    order = {
        preprocess(np.asarray(Image.open(path))).tobytes(): n for n, path in enumerate(sorted(folder.rglob("*.png")))
    }
    chosen = [order[image.tobytes()] for image in images[:4]]
    assert chosen[1] == chosen[0] + 1
    assert chosen[3] == chosen[2] + 1


def test_a_picture_that_cannot_be_read_is_replaced_and_remembered(folder: Path) -> None:
    bad = sorted(folder.rglob("*.png"))[0]
    bad.write_bytes(b"no picture")
    maker = batches(folder)
    for step in range(6):
        assert len(maker.make(step)[0]) == 12
    assert list(maker._reader.failures) == [bad]


def test_a_folder_of_nothing_but_bad_pictures_ends_training(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        path.write_bytes(b"no picture " + path.name.encode())
    with pytest.raises(TrainingFailed, match="20 pictures in a row could not be read"):
        batches(folder).make(0)


def test_a_stream_passes_on_what_goes_wrong() -> None:
    def fail(step: int) -> None:
        raise TrainingFailed(f"step {step}")

    with pytest.raises(TrainingFailed, match="step 5"):
        next(stream(fail, 5, 2))  # type: ignore[arg-type]
