"""The splits that a data set comes with: which pictures are for training, and which to be measured on.

Pascal VOC lists the names of its pictures in ``ImageSets/Main/train.txt``, ``val.txt``, ``test.txt`` and, for the first
two together, ``trainval.txt``; COCO has a file of annotations for each, such as ``instances_train2017.json``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from visop.annotations.truth import WrongAnnotations

#: The names of splits; the one that is held out is ``val``, or else ``test``.
TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")

_LISTS = Path("ImageSets", "Main")
_COCO = re.compile(rf"instances_({'|'.join(SPLITS)})\d*\.json")


def find_splits(folder: Path, form: str | None = None) -> tuple[str, ...]:
    """Which splits a folder has, of ``SPLITS``, without a look into the files; of one form of annotations, if given."""
    of_coco = {match[1] for path in _jsons(folder) if (match := _COCO.fullmatch(path.name))}
    found = of_coco if form == "coco" or (of_coco and form is None) else _voc_lists(folder).keys()
    return tuple(split for split in SPLITS if split in found)


def held_out_of(splits: Collection[str]) -> str:
    """The split that training holds out; empty if these are none that one could train with."""
    return next((split for split in (VAL, TEST) if split in splits), "") if TRAIN in splits else ""


def split_of_coco(path: Path) -> str:
    """The split that a file of annotations is of; empty if its name says none."""
    match = _COCO.fullmatch(path.name)
    return match[1] if match else ""


@dataclass(frozen=True)
class Listed:
    """In which split a picture is, and which list and line says so."""

    split: str
    place: str


def read_voc_lists(folder: Path, splits: Collection[str], wrong: WrongAnnotations) -> dict[str, Listed]:
    """The split that each picture is in, by its name without suffix.

    Args:
        folder: of the data set.
        splits: those that are looked at.
        wrong: gets what is wrong.
    """
    found: dict[str, Listed] = {}
    for split, path in _voc_lists(folder).items():
        for number, name in _names(path, wrong).items() if split in splits else ():
            listed = Listed(split, f"{path}, line {number}")
            if name in found:
                wrong.add(listed.place, f"{name} is also in {found[name].place}")
            found[name] = listed
    return found


def _names(path: Path, wrong: WrongAnnotations) -> Mapping[int, str]:
    """The names in a list by the number of their line. Lists of one class have a number behind each name."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        wrong.add(str(path), f"cannot be read: {error}")
        return {}
    names = {number: line.split()[0] for number, line in enumerate(lines, 1) if line.strip()}
    if not names:
        wrong.add(str(path), "has no names of pictures in it")
    return names


def _voc_lists(folder: Path) -> dict[str, Path]:
    lists = {split: folder / _LISTS / f"{split}.txt" for split in SPLITS}
    there = {split: path for split, path in lists.items() if path.is_file()}
    both = folder / _LISTS / "trainval.txt"
    if TRAIN not in there and VAL not in there and both.is_file():
        there[TRAIN] = both
    return there


def _jsons(folder: Path) -> list[Path]:
    return [path for place in (folder, folder / "annotations") for path in sorted(place.glob("instances*.json"))]
