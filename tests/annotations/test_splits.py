"""The splits that data sets come with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visop.annotations.reading import read_annotations
from visop.annotations.splits import find_splits, held_out_of
from visop.annotations.truth import AnnotatedPicture, Truth
from visop.annotations.voc import write_voc
from visop.errors import UsageError
from visop.training.detection.data import read_split


def voc(folder: Path, **lists: str) -> Path:
    """Six annotated pictures, p0 to p5, and these lists."""
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    for number in range(6):
        path = folder / "JPEGImages" / f"p{number}.png"
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(path)
        write_voc(folder / "Annotations", AnnotatedPicture(path, (8, 8), (Truth((1, 1, 4, 4), f"label{number % 2}"),)))
    for name, text in lists.items():
        (folder / f"ImageSets/Main/{name}.txt").write_text(text)
    return folder


def coco(folder: Path, **pictures: Sequence[int]) -> Path:
    (folder / "annotations").mkdir(parents=True)
    (folder / "images").mkdir()
    for split, numbers in pictures.items():
        for number in numbers:
            Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(folder / f"images/p{number}.png")
        content = {
            "images": [{"id": number, "file_name": f"p{number}.png"} for number in numbers],
            "annotations": [{"id": each, "image_id": each, "category_id": 1, "bbox": [1, 1, 4, 4]} for each in numbers],
            "categories": [{"id": 1, "name": "cat"}],
        }
        (folder / f"annotations/instances_{split}2017.json").write_text(json.dumps(content))
    return folder


def names(pictures: Sequence[AnnotatedPicture]) -> str:
    return " ".join(picture.path.stem for picture in pictures)


def test_lists_of_voc_say_what_is_trained_on_and_held_out(tmp_path: Path) -> None:
    voc(tmp_path, train="p0\np2\n\n", val="p1  1\np3 -1\n", test="p9\n")
    assert find_splits(tmp_path) == ("train", "val", "test")
    training, held_out = read_split(tmp_path, 0)  # test.txt, which nobody asks for, may name what is not there
    assert (names(training.pictures), names(held_out.pictures)) == ("p0 p2", "p1 p3")
    assert training.labels == held_out.labels == ("label0", "label1")


def test_trainval_is_trained_on_where_only_a_test_is_held_out(tmp_path: Path) -> None:
    voc(tmp_path, trainval="p0\np1\n", test="p2\np3\np4\n")
    assert [names(each.pictures) for each in read_split(tmp_path, 0)] == ["p0 p1", "p2 p3 p4"]


def test_files_of_coco_are_splits(tmp_path: Path) -> None:
    coco(tmp_path, train=(0, 1, 2), val=(3, 4))
    assert [names(each.pictures) for each in read_split(tmp_path, 0)] == ["p0 p1 p2", "p3 p4"]
    (tmp_path / "images/p0.png").unlink()  # who measures needs the pictures of one split only
    measured = read_annotations(tmp_path, splits=["val"]).pictures
    assert [(picture.path.stem, picture.split) for picture in measured] == [("p3", "val"), ("p4", "val")]


def test_a_share_that_is_asked_for_is_taken_by_chance(tmp_path: Path) -> None:
    voc(tmp_path, train="p0\n", val="p1\n")
    training, held_out = read_split(tmp_path, 0.5)
    assert len(training.pictures) + len(held_out.pictures) == 6


@pytest.mark.parametrize(
    ("splits", "held_out"),
    [(("train", "val", "test"), "val"), (("train", "test"), "test"), (("train",), ""), (("val", "test"), "")],
    ids=str,
)
def test_training_needs_what_it_trains_on_and_what_it_holds_out(splits: tuple[str, ...], held_out: str) -> None:
    assert held_out_of(splits) == held_out


def test_what_is_wrong_with_lists_is_named_with_its_line(tmp_path: Path) -> None:
    voc(tmp_path, train="p0\np1\nnone\n", val="p2\np1\n")
    with pytest.raises(UsageError) as caught:
        read_split(tmp_path, 0)
    said = str(caught.value)
    assert "train.txt, line 3: there is no annotation none.xml" in said
    assert f"val.txt, line 2: p1 is also in {tmp_path}/ImageSets/Main/train.txt, line 2" in said


@pytest.mark.parametrize(("content", "why"), [(b"\n \n", "has no names of pictures"), (b"\xff\xfe\x00", "cannot be")])
def test_a_list_that_is_none_is_named(content: bytes, why: str, tmp_path: Path) -> None:
    voc(tmp_path, train="p0\n", val="p1\n")
    (tmp_path / "ImageSets/Main/val.txt").write_bytes(content)
    with pytest.raises(UsageError, match=why):
        read_split(tmp_path, 0)


def test_a_picture_in_two_files_of_coco_is_named(tmp_path: Path) -> None:
    coco(tmp_path, train=(0, 1), val=(1, 2))
    with pytest.raises(UsageError, match=r"p1\.png: is annotated twice, or in two splits"):
        read_split(tmp_path, 0)
