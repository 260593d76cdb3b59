"""Annotations in the form of Pascal VOC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visop.annotations.reading import read_annotations
from visop.annotations.truth import Annotations
from visop.annotations.voc import write_voc
from visop.errors import UsageError

_OBJECT = "<object><name>cat</name><bndbox>{}</bndbox></object>"


def _box(*corners: object) -> str:
    return "".join(f"<{name}>{value}</{name}>" for name, value in zip(("xmin", "ymin", "xmax", "ymax"), corners))  # noqa: B905


def _write(folder: Path, *objects: str, more: str = "") -> None:
    text = "".join(_OBJECT.format(each) for each in objects)
    (folder / "a.xml").write_text(f"<annotation><filename>a.png</filename>{more}{text}</annotation>")
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(folder / "a.png")


def test_what_is_written_is_read_again(tmp_path: Path, annotations: Annotations) -> None:
    (tmp_path / "Annotations").mkdir()
    for picture in annotations.pictures:
        write_voc(tmp_path / "Annotations", picture)
    assert read_annotations(tmp_path) == annotations


def test_corners_count_from_one_and_belong_to_the_box(tmp_path: Path) -> None:
    _write(tmp_path, _box(1, 1, 40, 30))
    assert read_annotations(tmp_path).pictures[0].truths[0].box == (0, 0, 40, 30)


def test_a_pixel_out_of_the_picture_is_cut_off_because_some_tools_count_from_0(tmp_path: Path) -> None:
    _write(tmp_path, _box(0, 0, 9, 9))
    assert read_annotations(tmp_path).pictures[0].truths[0].box == (0, 0, 9, 9)


def test_a_picture_is_found_by_the_name_of_its_annotation_where_it_was_renamed(tmp_path: Path) -> None:
    _write(tmp_path, _box(1, 1, 5, 5))
    (tmp_path / "a.png").rename(tmp_path / "a.PNG")
    assert read_annotations(tmp_path).pictures[0].path.name == "a.PNG"


@pytest.mark.parametrize(
    ("objects", "more", "said"),
    [
        (
            [_box(5, 5, 60, 20)],
            "",
            "object 1: the box from (4, 4) to (60, 20) is outside the picture of 40 x 30 pixels",
        ),
        ([_box(1, 1, 5, 5), _box(9, 9, 3, 20)], "", "object 2: xmin, ymin, xmax, ymax are 9, 9, 3, 20: max is below"),
        ([_box("nan", 1, 5, 5)], "", "xmin is 'nan', must be finite"),
        ([_box("left", 1, 5, 5)], "", "xmin is 'left', must be a number"),
        ([_box(1, 1, 5)], "", "ymax is None, must be a number"),
        (["</bndbox><difficult>?</difficult><bndbox>" + _box(1, 1, 5, 5)], "", "difficult is '?', must be 0 or 1"),
        ([_box(1, 1, 5, 5)], "<size><width>30</width><height>40</height></size>", "says 30 x 40 pixels, the picture"),
        (["<broken>"], "", "is not XML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, objects: list[str], more: str, said: str) -> None:
    _write(tmp_path, *objects, more=more)
    with pytest.raises(UsageError) as caught:
        read_annotations(tmp_path)
    assert said in str(caught.value)
    assert f"{tmp_path / 'a.xml'}" in str(caught.value)


def test_every_annotation_that_is_wrong_is_counted(tmp_path: Path) -> None:
    _write(tmp_path, *[_box(1, 1, 99, 99)] * 12)
    with pytest.raises(UsageError, match=r"12 annotations are wrong:(\n.*){10}\n  and 2 more"):
        read_annotations(tmp_path)


def test_a_missing_picture_and_an_unknown_label_are_named(tmp_path: Path) -> None:
    _write(tmp_path, _box(1, 1, 5, 5))
    with pytest.raises(UsageError, match="object 1: the label 'cat' is unknown; there are dog, cow"):
        read_annotations(tmp_path, ["dog", "cow"])
    (tmp_path / "a.png").unlink()
    with pytest.raises(UsageError, match=r"there is no picture 'a\.png' beside it or in JPEGImages/"):
        read_annotations(tmp_path)


def test_no_file_is_opened_that_an_annotation_names(tmp_path: Path) -> None:
    _write(tmp_path, _box(1, 1, 5, 5))
    (tmp_path / "secret").write_text("secret")
    text = (tmp_path / "a.xml").read_text().replace("cat", "&it;")
    (tmp_path / "a.xml").write_text(f'<!DOCTYPE annotation [<!ENTITY it SYSTEM "{tmp_path / "secret"}">]>{text}')
    with pytest.raises(UsageError, match="has no name"):
        read_annotations(tmp_path)


def test_a_folder_without_annotations_says_what_there_must_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="XML files in the form of Pascal VOC, or a JSON file in that of COCO"):
        read_annotations(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        read_annotations(tmp_path / "none")
    _write(tmp_path)
    with pytest.raises(UsageError, match="no object is annotated in it"):
        read_annotations(tmp_path)
