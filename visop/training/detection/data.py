"""Annotated pictures as training sees them: which are held out, and what stands for all of them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from visop.annotations.truth import AnnotatedPicture, Annotations
from visop.errors import UsageError
from visop.training.folders import chance_of

#: The names of what ``facts_of`` gives.
FACTS = ("folder", "pictures", "objects", "files")


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
    for pictures, side in zip(sides, ("trained on", "held out"), strict=True):
        if not any(truth.asked for picture in pictures for truth in picture.truths):
            why = f"of {len(annotations.pictures)} pictures {len(pictures)} are {side}, with no object in them"
            raise UsageError("held_out", share, why)
    training, held_out = (replace(annotations, pictures=tuple(pictures)) for pictures in sides)
    return training, held_out


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
