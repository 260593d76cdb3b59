"""Find out in which form a folder is annotated, and read it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from visop.annotations.coco import load_coco, read_coco
from visop.annotations.splits import read_voc_lists, split_of_coco
from visop.annotations.truth import AnnotatedPicture, Annotations, WrongAnnotations, known_labels
from visop.annotations.voc import ANNOTATIONS, read_voc
from visop.errors import UsageError

logger = logging.getLogger(__name__)

Form = Literal["voc", "coco"]


def read_annotations(
    folder: Path, labels: Collection[str] = (), splits: Collection[str] = (), form: Form | None = None
) -> Annotations:
    """Read the annotations of a folder, in the form of Pascal VOC or of COCO.

    Args:
        folder: in the form of VOC it has XML files, in ``Annotations/`` or anywhere below it; in that of COCO a JSON
            file, in it or in ``annotations/``, of which those called ``instances*.json`` are preferred.
        labels: those that may occur, in the order of the classes; any, if empty.
        splits: of those that the folder has (``splits.find_splits``): only these are read, and pictures say which
            they are in; everything, if empty.
        form: which to read; None reads the one that there is.

    Raises:
        UsageError: there is no such folder, it is not annotated, or in both forms, or annotations or lists are wrong;
            names each of them.
    """
    if not folder.is_dir():
        raise UsageError("folder", folder, "no such folder")
    wrong = WrongAnnotations()
    found = _read(folder, labels, splits, form, wrong)
    _refuse_twice(found.pictures, wrong)
    wrong.check(folder)
    if not any(truth.asked for picture in found.pictures for truth in picture.truths):
        raise UsageError("", folder, "no object is annotated in it")
    ordered = tuple(sorted(found.pictures, key=lambda picture: picture.path))
    return Annotations(tuple(labels) or found.labels, ordered)


def _read(
    folder: Path, labels: Collection[str], splits: Collection[str], form: Form | None, wrong: WrongAnnotations
) -> Annotations:
    lists = {} if form == "voc" else _lists(folder, splits, wrong)
    wrong.check(folder)
    files = [] if form == "coco" else _voc_files(folder)
    if lists and files and _is_annotation(files[0]):
        coco = ", ".join(path.name for path in lists)
        why = f"is annotated twice: in {coco} in the form of COCO, and in {len(files)} XML files in that of Pascal VOC"
        raise UsageError("annotations", "", f"{folder} {why}; say which to take: voc or coco")
    if lists:
        logger.info("annotations in the form of COCO: %s", ", ".join(str(path) for path in lists))
        read = [(path, read_coco(path, content, folder, labels, wrong)) for path, content in lists.items()]
        return _together([_in_split(each, split_of_coco(path) if splits else "") for path, each in read])
    if not files:
        why = "no annotations in it: there must be XML files in the form of Pascal VOC, or a JSON file in that of COCO"
        raise UsageError("", folder, why)
    logger.info("annotations in the form of Pascal VOC: %d files in %s", len(files), files[0].parent)
    pictures = _voc_splits(folder, files, labels, splits, wrong) if splits else read_voc(files, labels, wrong)
    return Annotations(known_labels(pictures), pictures)


def _voc_files(folder: Path) -> list[Path]:
    place = folder / ANNOTATIONS
    return sorted((place if place.is_dir() else folder).rglob("*.xml"))


def _is_annotation(path: Path) -> bool:
    """Whether an XML file beside annotations in the other form is one, too."""
    try:
        return b"<annotation" in path.read_bytes()[:1000]
    except OSError:
        return False


def _voc_splits(
    folder: Path, files: Sequence[Path], labels: Collection[str], splits: Collection[str], wrong: WrongAnnotations
) -> list[AnnotatedPicture]:
    listed = read_voc_lists(folder, splits, wrong)
    by_name = {path.stem: path for path in files}
    for name, each in listed.items():
        if name not in by_name:
            wrong.add(each.place, f"there is no annotation {name}.xml")
    pictures: list[AnnotatedPicture] = []
    for split in splits:
        of_split = [path for name, path in by_name.items() if name in listed and listed[name].split == split]
        pictures += _in_split(Annotations((), read_voc(of_split, labels, wrong)), split).pictures
    return pictures


def _in_split(annotations: Annotations, split: str) -> Annotations:
    return replace(annotations, pictures=[replace(each, split=split) for each in annotations.pictures])


def _lists(folder: Path, splits: Collection[str], wrong: WrongAnnotations) -> dict[Path, dict[str, Any]]:
    """The content of the files in the form of COCO: if some are called instances, as in its archives, of no other."""
    files = [path for place in (folder, folder / "annotations") for path in sorted(place.glob("*.json"))]
    instances = [path for path in files if path.name.startswith("instances")]
    found = {}
    for path in instances or files:
        if splits and split_of_coco(path) not in splits:
            continue
        try:
            found[path] = load_coco(path)
        except (ValueError, OSError) as error:
            if instances:  # another may be of anything
                wrong.add(str(path), str(error))
    return found


def _together(several: Sequence[Annotations]) -> Annotations:
    labels = dict.fromkeys(label for each in several for label in each.labels)
    return Annotations(tuple(labels), [picture for each in several for picture in each.pictures])


def _refuse_twice(pictures: Sequence[AnnotatedPicture], wrong: WrongAnnotations) -> None:
    seen: set[Path] = set()
    for picture in pictures:
        if picture.path in seen:
            wrong.add(str(picture.path), "is annotated twice, or in two splits")
        seen.add(picture.path)
