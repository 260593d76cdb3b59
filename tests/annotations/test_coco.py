"""Annotations in the form of COCO."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from visop.annotations.coco import write_coco
from visop.annotations.reading import read_annotations
from visop.annotations.truth import Annotations
from visop.errors import UsageError


@pytest.fixture
def content(tmp_path: Path, annotations: Annotations) -> dict[str, Any]:
    """What is written of these annotations."""
    write_coco(tmp_path / "instances.json", annotations)
    return dict(json.loads((tmp_path / "instances.json").read_text()))


def _read(tmp_path: Path, content: object) -> Annotations:
    (tmp_path / "instances.json").write_text(json.dumps(content))
    return read_annotations(tmp_path)


def test_what_is_written_is_read_again(tmp_path: Path, annotations: Annotations) -> None:
    first = annotations.pictures[0]
    truths = tuple(replace(truth, difficult=False, crowd=truth.difficult) for truth in first.truths)
    wanted = replace(annotations, pictures=(replace(first, truths=truths), *annotations.pictures[1:]))
    write_coco(tmp_path / "instances.json", wanted)
    assert read_annotations(tmp_path) == wanted


def test_labels_are_in_the_order_of_their_numbers(tmp_path: Path, content: dict[str, Any]) -> None:
    content["categories"] = [{"id": 2, "name": "zebra"}, {"id": 1, "name": "yak"}]
    assert _read(tmp_path, content).labels == ("yak", "zebra")


def test_pictures_lie_in_a_folder_of_the_name_of_their_split(tmp_path: Path, content: dict[str, Any]) -> None:
    (tmp_path / "images").rename(tmp_path / "val2017")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    (tmp_path / "annotations" / "captions_val2017.json").write_text("{}")
    (tmp_path / "instances.json").unlink()
    assert [picture.path.parent.name for picture in read_annotations(tmp_path).pictures] == ["val2017"] * 2


@pytest.mark.parametrize(
    ("part", "key", "value", "said"),
    [
        (
            "annotations",
            "bbox",
            [35, 5, 30, 5],
            "annotation 1: the box from (35, 5) to (65, 10) is outside the picture",
        ),
        (
            "annotations",
            "bbox",
            [5, 5, 0, 5],
            "annotation 1: the box has a width of 0 and a height of 5, must be above",
        ),
        ("annotations", "bbox", [5, 5, 5], "annotation 1: bbox is [5, 5, 5], must be four numbers"),
        ("annotations", "bbox", "no", "bbox is 'no', must be four numbers"),
        ("annotations", "category_id", 7, "annotation 1: there is no category 7"),
        ("annotations", "image_id", 9, "annotation 1: there is no image 9"),
        ("annotations", "iscrowd", "yes", "iscrowd is 'yes', must be 0 or 1"),
        ("images", "file_name", "c.png", "image 1: there is no picture 'c.png'"),
        ("images", "file_name", "../../a.png", "image 1: there is no picture '../../a.png'"),
        ("images", "width", 41, "image 1: says 41 x 30 pixels, a.png has 40 x 30 when upright"),
        ("images", "id", 2, "image 2: is there twice"),
        ("categories", "name", "dog", "category 2: the category 'dog' is there twice"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, content: dict[str, Any], part: str, key: str, value: object, said: str
) -> None:
    content[part][0][key] = value
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, content)
    assert said in str(caught.value)


def test_what_is_missing_is_named(tmp_path: Path, content: dict[str, Any]) -> None:
    del content["annotations"][0]["bbox"]
    content["annotations"][1] = 5
    with pytest.raises(UsageError, match=r"annotation 1: has no 'bbox'\n.*annotation at 1: is int, must be an object"):
        _read(tmp_path, content)


def test_a_picture_is_annotated_once(tmp_path: Path, content: dict[str, Any]) -> None:
    content["images"][1]["file_name"] = "a.png"
    with pytest.raises(UsageError, match=r"a\.png: is annotated twice"):
        _read(tmp_path, content)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "instances.json").write_text('{"images": []')
    with pytest.raises(UsageError, match=r"instances\.json: is not JSON"):
        read_annotations(tmp_path)
    (tmp_path / "instances.json").write_text('{"images": []}')
    with pytest.raises(UsageError, match=r"instances\.json: has no list 'annotations'"):
        read_annotations(tmp_path)
