"""What one step of training a detector sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visop.annotations.truth import AnnotatedPicture, Annotations, Truth
from visop.errors import TrainingFailed, UsageError
from visop.images.decode import ImageLimits
from visop.processors.ssd.small import SmallSsd
from visop.settings import Settings
from visop.training.batches import Reader
from visop.training.detection.batches import DetectionBatches, DetectionPlan
from visop.training.detection.data import facts_of, split


def _annotations(folder: Path, count: int) -> Annotations:
    pictures = []
    for number in range(count):
        path = (folder / f"{number}.png").resolve()
        Image.fromarray(np.full((48, 64, 3), number, np.uint8)).save(path)
        pictures.append(AnnotatedPicture(path, (64, 48), (Truth((8, 8, 20, 24), "cat"),)))
    return Annotations(("ant", "cat"), tuple(pictures))


def _batches(annotations: Annotations, batch: int = 3) -> DetectionBatches:
    network = SmallSsd(annotations.labels, 64)
    reader = Reader(ImageLimits.of(Settings()), 128)
    return DetectionBatches(annotations, DetectionPlan(batch, 0, network.prepared, network.priors), reader)


def test_a_step_has_the_same_batch_in_every_run(tmp_path: Path) -> None:
    annotations = _annotations(tmp_path, 5)
    first, again = _batches(annotations), _batches(annotations)
    again.make(9)
    for made, wanted in zip(first.make(4), again.make(4), strict=True):
        np.testing.assert_array_equal(made, wanted)
    assert (first.make(4)[0] != first.make(5)[0]).any()


def test_inputs_are_prepared_and_objects_are_targets(tmp_path: Path) -> None:
    images, wanted = _batches(_annotations(tmp_path, 4)).make(0)
    assert images.shape == (3, 64, 64, 3)
    assert wanted.shape == (3, len(SmallSsd(("a",), 64).priors), 5)
    assert all((each[:, 4] == 2).any() for each in wanted)
    assert set(np.unique(wanted[..., 4])) == {0, 2}


def test_a_picture_that_cannot_be_read_is_replaced(tmp_path: Path) -> None:
    annotations = _annotations(tmp_path, 3)
    for picture in annotations.pictures[:2]:
        picture.path.write_bytes(b"gone")
    images, _ = _batches(annotations).make(0)
    assert len(images) == 3
    annotations.pictures[2].path.write_bytes(b"gone")
    with pytest.raises(TrainingFailed, match="none of 3 pictures can be read"):
        _batches(annotations).make(0)


def test_pictures_are_held_out_by_their_names_alone(tmp_path: Path) -> None:
    few, many = _annotations(tmp_path, 20), _annotations(tmp_path, 40)
    held_out = [{picture.path for picture in split(each, 0.3, tmp_path)[1].pictures} for each in (few, many)]
    assert held_out[0]
    assert held_out[0] == held_out[1] & {picture.path for picture in few.pictures}
    with pytest.raises(UsageError, match="of 20 pictures 0 are held out, with no object in them"):
        split(few, 1e-9, tmp_path)


def test_other_annotations_make_another_run(tmp_path: Path) -> None:
    annotations = _annotations(tmp_path, 20)
    before = facts_of(tmp_path, *split(annotations, 0.3, tmp_path))
    assert before == facts_of(tmp_path, *split(annotations, 0.3, tmp_path))
    moved = AnnotatedPicture(annotations.pictures[0].path, (64, 48), (Truth((9, 8, 20, 24), "cat"),))
    changed = Annotations(annotations.labels, (moved, *annotations.pictures[1:]))
    assert facts_of(tmp_path, *split(changed, 0.3, tmp_path))["files"] != before["files"]
