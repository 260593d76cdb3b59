"""Which of two forms of annotations is read."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from visop.annotations.coco import write_coco
from visop.annotations.reading import read_annotations
from visop.annotations.truth import Annotations
from visop.annotations.voc import write_voc
from visop.errors import UsageError


def _annotate(folder: Path, annotations: Annotations) -> None:
    """In both forms; the first picture in that of Pascal VOC alone."""
    write_coco(folder / "instances.json", Annotations(annotations.labels, annotations.pictures[1:]))
    (folder / "Annotations").mkdir()
    for picture in annotations.pictures:
        write_voc(folder / "Annotations", picture)


def test_a_folder_that_is_annotated_in_both_forms_is_read_as_it_is_said(
    tmp_path: Path, annotations: Annotations, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    _annotate(tmp_path, annotations)
    why = r"annotated twice: in instances.json in the form of COCO, and in 2 XML files in that of Pascal VOC; say which"
    with pytest.raises(UsageError, match=why) as caught:
        read_annotations(tmp_path)
    assert caught.value.field == "annotations"
    assert len(read_annotations(tmp_path, form="voc").pictures) == 2
    assert caplog.messages == [f"annotations in the form of Pascal VOC: 2 files in {tmp_path / 'Annotations'}"]
    with pytest.raises(UsageError, match="no object is annotated in it"):
        read_annotations(tmp_path, form="coco")
    assert caplog.messages[1:] == [f"annotations in the form of COCO: {tmp_path / 'instances.json'}"]


def test_xml_of_anything_else_is_no_second_form(tmp_path: Path, annotations: Annotations) -> None:
    write_coco(tmp_path / "instances.json", annotations)
    (tmp_path / "project.xml").write_text("<project/>")
    assert len(read_annotations(tmp_path).pictures) == 2
