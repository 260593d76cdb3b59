from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visop.errors import TrainingFailed
from visop.images.decode import ImageLimits, resize_image
from visop.settings import Settings
from visop.training.batches import Batches, Plan, Reader, stream, unhidden
from visop.training.folders import find_pictures
from visop.training.recipe import Labels

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


@pytest.fixture
def blank_pictures(tmp_path: Path) -> Path:
    """Twelve files in four folders; the red of each tells which it is."""
    for number in range(12):
        (tmp_path / str(number // 3)).mkdir(exist_ok=True)
        Image.new("RGB", (80, 60), (number, 0, 0)).save(tmp_path / str(number // 3) / f"{number:02}.png")
    return tmp_path


def unedited(folder: Path, labels: Labels = "pictures", **choice: int) -> Batches:
    plan = Plan(
        **{"identities": 4, "views": 3, "neighbours": 1, "seed": 0} | choice, side=(SIDE, SIDE), preprocess=preprocess
    )
    maker = Batches(find_pictures(folder, labels), plan, Reader(ImageLimits.of(Settings()), 64))
    maker._edit = lambda image, rng: preprocess(image)  # type: ignore[method-assign]
    return maker


def reds(images: np.ndarray) -> list[int]:
    """The numbers of the pictures of ``blank_pictures`` that a batch shows."""
    return [int(image[0, 0, 0]) for image in images]


@pytest.mark.parametrize("step", range(8))
def test_neighbours_stand_together(blank_pictures: Path, step: int) -> None:
    chosen = reds(unedited(blank_pictures, neighbours=2).make(step)[0])[:4]
    assert chosen[1] == (chosen[0] + 1) % 12
    assert chosen[3] == (chosen[2] + 1) % 12


def test_every_identity_has_its_turn_and_batches_are_full_whatever_the_number_of_neighbours(
    blank_pictures: Path,
) -> None:
    maker = unedited(blank_pictures, neighbours=5, identities=6)
    batches = [reds(maker.make(step)[0])[:6] for step in range(20)]
    assert {len(set(batch)) for batch in batches} == {6}
    assert {number for batch in batches for number in batch} == set(range(12))


def test_more_neighbours_than_there_are_identities_are_all_of_them(blank_pictures: Path) -> None:
    chosen = reds(unedited(blank_pictures, neighbours=16, identities=16).make(0)[0])
    assert sorted(chosen[:12]) == list(range(12))


def test_a_picture_that_cannot_be_read_is_replaced_by_another_of_the_same_identity(blank_pictures: Path) -> None:
    for number in (0, 1):
        (blank_pictures / "0" / f"{number:02}.png").write_bytes(b"no picture %d" % number)
    for step in range(6):
        images, labels = unedited(blank_pictures, "folders").make(step)
        folders = [red // 3 for red in reds(images)]
        assert sorted(folders) == sorted(3 * list(range(4)))
        assert len(set(zip(labels[:, 0].tolist(), folders, strict=True))) == 4


def test_an_identity_of_which_nothing_can_be_read_makes_way_for_one_that_is_not_there_yet(
    blank_pictures: Path,
) -> None:
    for number in range(3, 12):
        (blank_pictures / str(number // 3) / f"{number:02}.png").write_bytes(b"no picture %d" % number)
    for step in range(6):
        images, labels = unedited(blank_pictures, identities=2, views=2).make(step)
        assert images.shape[0] == 4
        assert len(set(zip(labels[:, 0].tolist(), reds(images), strict=True))) == 2


def test_a_batch_is_smaller_rather_than_to_hold_a_picture_twice(blank_pictures: Path) -> None:
    bad = blank_pictures / "0" / "00.png"
    bad.write_bytes(b"no picture")
    maker = unedited(blank_pictures, identities=12)
    for step in range(3):
        assert sorted(reds(maker.make(step)[0])) == sorted(3 * list(range(1, 12)))
    assert list(maker._reader.failures) == [bad]


def test_a_folder_with_fewer_than_two_identities_that_can_be_read_ends_training(folder: Path) -> None:
    for path in sorted(folder.rglob("*.png"))[1:]:
        path.write_bytes(b"no picture " + path.name.encode())
    with pytest.raises(TrainingFailed, match=r"of 12 identities fewer than 2 can be read; .*png: not an image"):
        batches(folder).make(0)


def test_a_stream_passes_on_what_goes_wrong() -> None:
    def fail(step: int) -> None:
        raise TrainingFailed(f"step {step}")

    with pytest.raises(TrainingFailed, match="step 5"):
        next(stream(fail, 5, 2))  # type: ignore[arg-type]


def test_what_goes_wrong_in_a_later_batch_leaves_keras_as_itself() -> None:
    """TensorFlow would make an error of its own of it. Backend: TensorFlow."""
    import keras

    def make(step: int) -> tuple[np.ndarray, np.ndarray]:
        if step == 9:
            raise TrainingFailed("step 9")
        return np.zeros((4, 2), np.float32), np.zeros((4, 1), np.float32)

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", loss="mse")
    with pytest.raises(TrainingFailed, match="step 9"), unhidden(stream(make, 0, 2)) as made:
        model.fit(made, shuffle=False, steps_per_epoch=20, verbose=0)


def test_what_goes_wrong_elsewhere_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), unhidden(iter([])):
        1 / 0  # noqa: B018 - is the error
