"""Find out in which form a folder is annotated, and read it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from visop.annotations.coco import load_coco, read_coco
from visop.annotations.truth import AnnotatedPicture, Annotations, WrongAnnotations, known_labels
from visop.annotations.voc import ANNOTATIONS, read_voc
from visop.errors import UsageError


def read_annotations(folder: Path, labels: Collection[str] = ()) -> Annotations:
    """Read the annotations of a folder, in the form of Pascal VOC or of COCO.

    Args:
        folder: in the form of VOC it has XML files, in ``Annotations/`` or anywhere below it; in that of COCO a JSON
            file, in it or in ``annotations/``, of which those called ``instances*.json`` are preferred.
        labels: those that may occur, in the order of the classes; any, if empty.

    Raises:
        UsageError: there is no such folder, it is not annotated, or annotations are wrong; names each of them.
    """
    if not folder.is_dir():
        raise UsageError("folder", folder, "no such folder")
    wrong = WrongAnnotations()
    found = _read(folder, labels, wrong)
    _refuse_twice(found.pictures, wrong)
    wrong.check(folder)
    if not any(truth.asked for picture in found.pictures for truth in picture.truths):
        raise UsageError("", folder, "no object is annotated in it")
    ordered = tuple(sorted(found.pictures, key=lambda picture: picture.path))
    return Annotations(tuple(labels) or found.labels, ordered)


def _read(folder: Path, labels: Collection[str], wrong: WrongAnnotations) -> Annotations:
    lists = _lists(folder, wrong)
    if lists:
        return _together([read_coco(path, content, folder, labels, wrong) for path, content in lists.items()])
    wrong.check(folder)
    place = folder / ANNOTATIONS
    files = sorted((place if place.is_dir() else folder).rglob("*.xml"))
    if not files:
        why = "no annotations in it: there must be XML files in the form of Pascal VOC, or a JSON file in that of COCO"
        raise UsageError("", folder, why)
    pictures = read_voc(files, labels, wrong)
    return Annotations(known_labels(pictures), pictures)


def _lists(folder: Path, wrong: WrongAnnotations) -> dict[Path, dict[str, Any]]:
    """The content of the files in the form of COCO: if some are called instances, as in its archives, of no other."""
    files = [path for place in (folder, folder / "annotations") for path in sorted(place.glob("*.json"))]
    instances = [path for path in files if path.name.startswith("instances")]
    found = {}
    for path in instances or files:
        try:
            found[path] = load_coco(path)
        except (ValueError, OSError) as error:
            if instances:  # another may be of anything
                wrong.add(str(path), str(error))
    return found


def _together(parts: Sequence[Annotations]) -> Annotations:
    labels = dict.fromkeys(label for part in parts for label in part.labels)
    return Annotations(tuple(labels), [picture for part in parts for picture in part.pictures])


def _refuse_twice(pictures: Sequence[AnnotatedPicture], wrong: WrongAnnotations) -> None:
    seen: set[Path] = set()
    for picture in pictures:
        if picture.path in seen:
            wrong.add(str(picture.path), "is annotated twice")
        seen.add(picture.path)
