"""Annotations in the form of Pascal VOC (Everingham et al. 2010): one XML file for each picture.

Corners are whole pixels, counted from 1, and both of them belong to the box: what is read as (x, y, w, h) is
(xmin - 1, ymin - 1, xmax - xmin + 1, ymax - ymin + 1).
"""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

from lxml import etree

from visop.annotations.truth import AnnotatedPicture, Truth, WrongAnnotations, clipped, read_size
from visop.detection import Box
from visop.files import write_whole

PICTURES, ANNOTATIONS = "JPEGImages", "Annotations"

# Where pictures lie, seen from the folder of the annotations.
_PLACES = (".", f"../{PICTURES}", "../images", "../Images")


def read_voc(files: Collection[Path], labels: Collection[str], wrong: WrongAnnotations) -> list[AnnotatedPicture]:
    """Read annotations.

    Args:
        files: the XML files.
        labels: those that are known; any, if empty.
        wrong: gets what is wrong; nothing is left out without a word there.

    Returns:
        The pictures with which nothing is wrong.
    """
    read = (_picture(path, labels, wrong) for path in files)
    return [picture for picture in read if picture is not None]


def _picture(path: Path, labels: Collection[str], wrong: WrongAnnotations) -> AnnotatedPicture | None:
    try:
        root = _parse(path)
        picture = _find(path, root)
        size = read_size(picture)
        _check_size(root, size)
    except (ValueError, OSError) as error:
        wrong.add(str(path), str(error))
        return None
    truths = []
    for number, each in enumerate(root.findall("object"), 1):
        try:
            truths.append(_truth(each, size, labels))
        except ValueError as error:
            wrong.add(f"{path}, object {number}", str(error))
    return AnnotatedPicture(picture, size, tuple(truths))


def _parse(path: Path) -> Any:
    """The element of one file. Nothing that it names is opened, and no entity is replaced."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(path.read_bytes(), parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"is not XML: {error}") from None
    if root.tag != "annotation":
        raise ValueError(f"is no annotation: its element is {root.tag!r}, must be 'annotation'")
    return root


def _find(path: Path, root: Any) -> Path:
    """The file of the picture: by the name that is given, or that of the annotation."""
    name = Path((root.findtext("filename") or "").strip().replace("\\", "/")).name
    folders = [path.parent / place for place in _PLACES]
    for folder in folders:
        if name and (folder / name).is_file():
            return (folder / name).resolve()
    beside = [each for folder in folders for each in sorted(folder.glob(f"{_literal(path.stem)}.*"))]
    found = [each for each in beside if each.suffix.lower() not in (".xml", ".json", ".txt")]
    if not found:
        raise ValueError(f"there is no picture {name or path.stem!r} beside it or in {PICTURES}/")
    return found[0].resolve()


def _literal(stem: str) -> str:
    return "".join(f"[{each}]" if each in "*?[" else each for each in stem)


def _check_size(root: Any, size: tuple[int, int]) -> None:
    said = tuple(root.findtext(f"size/{side}") for side in ("width", "height"))
    if None in said or said == ("0", "0"):  # tools write it where they do not know
        return
    if tuple(str(side) for side in size) != tuple(str(each).strip() for each in said):
        raise ValueError(f"says {said[0]} x {said[1]} pixels, the picture has {size[0]} x {size[1]} when it is upright")


def _truth(element: Any, size: tuple[int, int], labels: Collection[str]) -> Truth:
    label = (element.findtext("name") or "").strip()
    if not label:
        raise ValueError("has no name")
    if labels and label not in labels:
        raise ValueError(f"the label {label!r} is unknown; there are {', '.join(labels)}")
    left, top, right, bottom = (_number(element, name) for name in ("xmin", "ymin", "xmax", "ymax"))
    if right < left or bottom < top:
        raise ValueError(f"xmin, ymin, xmax, ymax are {left:g}, {top:g}, {right:g}, {bottom:g}: max is below min")
    box = clipped((left - 1, top - 1, right - left + 1, bottom - top + 1), size)
    difficult = (element.findtext("difficult") or "0").strip()
    if difficult not in ("0", "1"):
        raise ValueError(f"difficult is {difficult!r}, must be 0 or 1")
    return Truth(box, label, difficult == "1")


def _number(element: Any, name: str) -> float:
    text = element.findtext(f"bndbox/{name}")
    try:
        number = float(text)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {text!r}, must be a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} is {text!r}, must be finite")
    return number


def write_voc(folder: Path, picture: AnnotatedPicture) -> None:
    """Write the annotation of a picture into a folder, which must be there, whole or not at all."""
    root = etree.Element("annotation")
    _add(root, folder=picture.path.parent.name, filename=picture.path.name)
    _add(etree.SubElement(root, "size"), width=picture.size[0], height=picture.size[1], depth=3)
    for truth in picture.truths:
        element = etree.SubElement(root, "object")
        _add(element, name=truth.label, pose="Unspecified", truncated=0, difficult=int(truth.difficult))
        left, top, right, bottom = _corners(truth.box)
        _add(etree.SubElement(element, "bndbox"), xmin=left, ymin=top, xmax=right, ymax=bottom)
    write_whole(folder / f"{picture.path.stem}.xml", etree.tostring(root, pretty_print=True))


def _corners(box: Box) -> tuple[int, int, int, int]:
    """The pixels at the corners, counted from 1, of which there is at least one."""
    x, y, w, h = box
    left, top = round(x) + 1, round(y) + 1
    return left, top, max(left, round(x + w)), max(top, round(y + h))


def _add(parent: Any, **texts: object) -> None:
    for name, text in texts.items():
        etree.SubElement(parent, name).text = str(text)
