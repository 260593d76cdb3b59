"""Annotated pictures as training sees them: which are held out, and what stands for all of them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from visop.annotations.reading import Form, read_annotations
from visop.annotations.splits import TRAIN, find_splits, held_out_of
from visop.annotations.truth import AnnotatedPicture, Annotations
from visop.errors import UsageError
from visop.training.folders import chance_of

logger = logging.getLogger(__name__)

#: The share that is held out where nobody says another.
TENTH = 0.1

#: The names of what ``facts_of`` gives.
FACTS = ("folder", "pictures", "objects", "files")


def read_split(folder: Path, share: float, form: Form | None = None) -> tuple[Annotations, Annotations]:
    """Read a folder, and divide it into what is trained on and what is held out.

    Args:
        folder: annotated pictures.
        share: the chance of each picture to be held out; 0 is the split that the data set comes with, or a tenth.
        form: as of ``read_annotations``.

    Raises:
        UsageError: as ``read_annotations``, or either side would have no picture with an object in it.
    """
    held_out = held_out_of(find_splits(folder, form)) if share == 0 else ""
    if not held_out:
        return split(read_annotations(folder, form=form), share or TENTH, folder)
    annotations = read_annotations(folder, splits=(TRAIN, held_out), form=form)
    sides = [[each for each in annotations.pictures if each.split == split] for split in (TRAIN, held_out)]
    logger.info("the split of the data set is used: %s is trained on, %s held out", TRAIN, held_out)
    return _divided(annotations, sides, "", folder)


def split(annotations: Annotations, share: float, folder: Path) -> tuple[Annotations, Annotations]:
    """Hold out pictures, by the name of each alone, so that a folder that grows keeps its split.

    Args:
        annotations: all.
        share: the chance of each to be held out.
        folder: what names are relative to.

    Raises:
        UsageError: either side would have no picture with an object in it.
    """
    sides: tuple[list[AnnotatedPicture], list[AnnotatedPicture]] = ([], [])
    for picture in annotations.pictures:
        sides[chance_of(_name(picture, folder)) < share].append(picture)
    return _divided(annotations, sides, "held_out", float(share))


def _divided(
    annotations: Annotations, sides: Sequence[Sequence[AnnotatedPicture]], field: str, value: object
) -> tuple[Annotations, Annotations]:
    for pictures, side in zip(sides, ("trained on", "held out"), strict=True):
        if not any(truth.asked for picture in pictures for truth in picture.truths):
            why = f"of {len(annotations.pictures)} pictures {len(pictures)} are {side}, with no object in them"
            more = f"; give {_more(value)}" if isinstance(value, float) else ""
            raise UsageError(field, value, why + more)
    training, held_out = (replace(annotations, pictures=tuple(pictures)) for pictures in sides)
    return training, held_out


def _more(share: float) -> str:
    if 0.3 <= share <= 0.7:
        return "more pictures"
    return f"more pictures, or a {'lower' if share > 0.5 else 'greater'} share"


def facts_of(folder: Path, training: Annotations, held_out: Annotations) -> dict[str, Any]:
    """Which pictures, and what is annotated in them, make a run the run that it is: ``FACTS``, JSON values."""
    digest = hashlib.sha256()
    for side in (training, held_out):
        for picture in side.pictures:
            named = (_name(picture, folder), picture.path.stat().st_size, picture.size, picture.truths)
            digest.update(repr(named).encode())
    objects = sum(len(picture.truths) for picture in training.pictures)
    pictures = len(training.pictures)
    return {"folder": folder.name, "pictures": pictures, "objects": objects, "files": digest.hexdigest()}


def _name(picture: AnnotatedPicture, folder: Path) -> str:
    root = folder.resolve()
    inside = picture.path.is_relative_to(root)
    return picture.path.relative_to(root).as_posix() if inside else str(picture.path)
