"""Annotations in the form of COCO (Lin et al. 2014): one JSON file with images, annotations and categories.

A box is (x, y, width, height) in pixels, counted from 0. https://cocodataset.org/#format-data
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visop.annotations.truth import AnnotatedPicture, Annotations, Truth, WrongAnnotations, clipped, read_size
from visop.detection import Box
from visop.files import write_whole

PICTURES, ANNOTATIONS = "images", "annotations/instances.json"

_KEYS = ("images", "annotations", "categories")


@dataclass
class _File:
    """One file while it is read.

    Attributes:
        path: of it.
        labels: by the number of the category.
        images: by their number: the file of the picture, and its size; None if there is something wrong with it.
        truths: by the number of the image.
    """

    path: Path
    labels: dict[int, str] = field(default_factory=dict)
    images: dict[int, tuple[Path, tuple[int, int]] | None] = field(default_factory=dict)
    truths: dict[int, list[Truth]] = field(default_factory=lambda: defaultdict(list))


def load_coco(path: Path) -> dict[str, Any]:
    """Read the JSON of a file.

    Raises:
        ValueError: it is not in this form; says why.
        OSError: it cannot be read.
    """
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}") from None
    missing = [key for key in _KEYS if not isinstance(content, dict) or not isinstance(content.get(key), list)]
    if missing:
        raise ValueError(f"has no list {missing[0]!r}")
    return dict(content)


def read_coco(
    path: Path, content: Mapping[str, Any], root: Path, labels: Collection[str], wrong: WrongAnnotations
) -> Annotations:
    """Read annotations.

    Args:
        path: the JSON file.
        content: what ``load_coco`` read from it.
        root: of the data set: pictures lie in it or in a folder of it.
        labels: those that are known; those of the file's categories, if empty.
        wrong: gets what is wrong; nothing is left out without a word there.

    Returns:
        The pictures with which nothing is wrong, and the labels in the order of the categories' numbers.
    """
    file = _File(path)
    for number, each in enumerate(content["categories"]):
        _try(wrong, file, "category", number, each, _add_category)
    folders = _folders(path, root)
    for number, each in enumerate(content["images"]):
        _try(wrong, file, "image", number, each, lambda file, each: _add_image(file, each, folders))
    for number, each in enumerate(content["annotations"]):
        _try(wrong, file, "annotation", number, each, lambda file, each: _add_truth(file, each, labels))
    found = [AnnotatedPicture(*image, tuple(file.truths[number])) for number, image in file.images.items() if image]
    return Annotations(tuple(file.labels[number] for number in sorted(file.labels)), found)


def _try(wrong: WrongAnnotations, file: _File, kind: str, number: int, each: Any, add: Any) -> None:
    name = each.get("id", f"at {number}") if isinstance(each, Mapping) else f"at {number}"
    try:
        if not isinstance(each, Mapping):
            raise ValueError(f"is {type(each).__name__}, must be an object")
        add(file, each)
    except KeyError as error:
        wrong.add(f"{file.path}, {kind} {name}", f"has no {error.args[0]!r}")
    except (ValueError, TypeError, OSError) as error:
        wrong.add(f"{file.path}, {kind} {name}", str(error))


def _add_category(file: _File, each: Mapping[str, Any]) -> None:
    number, name = each["id"], each["name"]
    if not isinstance(name, str) or not name:
        raise ValueError(f"the name is {name!r}, must be a text")
    if number in file.labels or name in file.labels.values():
        raise ValueError(f"the category {name!r} is there twice")
    file.labels[number] = name


def _add_image(file: _File, each: Mapping[str, Any], folders: Sequence[Path]) -> None:
    number = each["id"]
    if number in file.images:
        raise ValueError("is there twice")
    file.images[number] = None  # so that its annotations are not taken for those of a picture that nobody named
    path, size = _find(str(each["file_name"]), folders), (each.get("width"), each.get("height"))
    actual = read_size(path)
    if None not in size and size != actual:
        raise ValueError(f"says {size[0]} x {size[1]} pixels, {path.name} has {actual[0]} x {actual[1]} when upright")
    file.images[number] = (path, actual)


def _add_truth(file: _File, each: Mapping[str, Any], labels: Collection[str]) -> None:
    number, category, crowd = each["image_id"], each["category_id"], each.get("iscrowd", 0)
    if number not in file.images:
        raise ValueError(f"there is no image {number!r}")
    if category not in file.labels:
        raise ValueError(f"there is no category {category!r}")
    label = file.labels[category]
    if labels and label not in labels:
        raise ValueError(f"the label {label!r} is unknown; there are {', '.join(labels)}")
    if crowd not in (0, 1):
        raise ValueError(f"iscrowd is {crowd!r}, must be 0 or 1")
    image, box = file.images[number], _box(each["bbox"])
    if image is not None:  # what is wrong with it is told already
        file.truths[number].append(Truth(clipped(box, image[1]), label, crowd=bool(crowd)))


def _box(value: Any) -> Box:
    numbers = [float(each) for each in value] if isinstance(value, list) else []
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise ValueError(f"bbox is {value!r}, must be four numbers")
    x, y, w, h = numbers
    return x, y, w, h


def _folders(path: Path, root: Path) -> list[Path]:
    """Where pictures may lie: those of a split in a folder of its name, as in COCO's own archives."""
    split = path.stem.rpartition("_")[2]
    names = (".", PICTURES, split, f"{PICTURES}/{split}", "data")
    return [folder / name for folder in (root, path.parent) for name in names]


def _find(name: str, folders: Sequence[Path]) -> Path:
    """The file of a picture, inside one of the folders: a name cannot lead out of them."""
    for folder in folders:
        path = (folder / name).resolve()
        if path.is_relative_to(folder.resolve()) and path.is_file():
            return path
    raise ValueError(f"there is no picture {name!r}")


def write_coco(path: Path, annotations: Annotations) -> None:
    """Write the annotations of pictures into one file, whole or not at all. The same content gives the same bytes."""
    numbers = {label: number for number, label in enumerate(annotations.labels, 1)}
    every = [(image, truth) for image, picture in enumerate(annotations.pictures, 1) for truth in picture.truths]
    content = {
        "images": [
            {"id": number, "file_name": picture.path.name, "width": picture.size[0], "height": picture.size[1]}
            for number, picture in enumerate(annotations.pictures, 1)
        ],
        "annotations": [
            {"id": number, "image_id": image, "category_id": numbers[truth.label], **_measures(truth)}
            for number, (image, truth) in enumerate(every, 1)
        ],
        "categories": [{"id": number, "name": label} for label, number in numbers.items()],
    }
    write_whole(path, json.dumps(content, indent=1).encode())


def _measures(truth: Truth) -> dict[str, Any]:
    x, y, w, h = (round(number, 2) for number in truth.box)
    return {"bbox": [x, y, w, h], "area": round(w * h, 2), "iscrowd": int(truth.crowd)}
