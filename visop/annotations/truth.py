"""What people say is in pictures: boxes with labels, from files in the form of Pascal VOC or of COCO."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from visop.detection import Box
from visop.errors import UsageError
from visop.images.thumbnail import size_of

# How many of the annotations that are wrong an error names; it counts all of them.
_NAMED = 10

# How far a box may stand out of its picture, in pixels: tools differ in whether they count from 0 or from 1. It is
# clipped.
_SLACK = 1.0


@dataclass(frozen=True)
class Truth:
    """One object that is in a picture.

    Attributes:
        box: (x, y, w, h) in pixels of the upright picture, inside it.
        label: what it is.
        difficult: finding it is not asked for, nor is it wrong (VOC: ``difficult``).
        crowd: one box round many objects, which is not asked for either (COCO: ``iscrowd``).
    """

    box: Box
    label: str
    difficult: bool = False
    crowd: bool = False

    @property
    def asked(self) -> bool:
        """Whether a detector is to find it."""
        return not (self.difficult or self.crowd)


@dataclass(frozen=True)
class AnnotatedPicture:
    """A picture and the objects in it.

    Attributes:
        path: of the file.
        size: (width, height) of the upright picture, in pixels.
        truths: the objects; none where it shows background only.
        split: of its data set, such as ``train``; empty if it has none, or nobody asked for it.
    """

    path: Path
    size: tuple[int, int]
    truths: tuple[Truth, ...]
    split: str = ""

    @property
    def edges(self) -> npt.NDArray[np.float32]:
        """The boxes as rows (left, top, right, bottom), as shares of the picture's sides: (N, 4) float32."""
        boxes = np.array([truth.box for truth in self.truths], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        boxes /= np.array([*self.size, *self.size], np.float32)
        return boxes


@dataclass(frozen=True)
class Annotations:
    """Annotated pictures.

    Attributes:
        labels: all that there are, in the order of the classes.
        pictures: in the order of their paths.
    """

    labels: tuple[str, ...]
    pictures: Sequence[AnnotatedPicture]


class WrongAnnotations:
    """Collects which annotations are wrong, so that one error tells of all of it."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, place: str, why: str) -> None:
        """Note that something is wrong.

        Args:
            place: the file, and where in it.
            why: what is wrong.
        """
        self._found.append(f"{place}: {why}")

    def check(self, folder: Path) -> None:
        """Raise a UsageError that names them, if there are any."""
        if not self._found:
            return
        more = len(self._found) - _NAMED
        lines = [*self._found[:_NAMED], *([f"and {more} more"] if more > 0 else [])]
        count = "1 annotation is" if len(self._found) == 1 else f"{len(self._found)} annotations are"
        raise UsageError("", folder, f"{count} wrong:\n  " + "\n  ".join(lines))


def clipped(box: Box, size: tuple[int, int]) -> Box:
    """The part of a box that is inside its picture.

    Args:
        box: (x, y, w, h) in pixels.
        size: (width, height) of the picture.

    Raises:
        ValueError: it is empty, or more than a pixel of it is outside; says so.
    """
    x, y, w, h = box
    width, height = size
    if not (w > 0 and h > 0):
        raise ValueError(f"the box has a width of {w:g} and a height of {h:g}, must be above 0")
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, width), min(y + h, height)
    outside = max(left - x, top - y, x + w - right, y + h - bottom)
    if not outside <= _SLACK or right <= left or bottom <= top:
        edges = f"from ({x:g}, {y:g}) to ({x + w:g}, {y + h:g})"
        raise ValueError(f"the box {edges} is outside the picture of {width} x {height} pixels")
    return left, top, right - left, bottom - top


def read_size(path: Path) -> tuple[int, int]:
    """(width, height) of the upright picture in a file, in pixels; its header is read.

    Raises:
        ValueError: it is no picture.
        OSError: it cannot be read.
    """
    size = size_of(path.read_bytes())
    if size == (0, 0):
        raise ValueError(f"{path.name} is no picture that can be read")
    return size


def known_labels(pictures: Iterable[AnnotatedPicture]) -> tuple[str, ...]:
    """All labels that occur, in the order of the alphabet."""
    return tuple(sorted({truth.label for picture in pictures for truth in picture.truths}))
