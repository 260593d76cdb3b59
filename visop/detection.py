"""What a processor finds in a picture, and what holds its answers to the contract."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.errors import ModelFailed

Box = tuple[float, float, float, float]
Point = tuple[float, float]

# How far a box may stand out of its picture, in pixels, because float32 has seven digits; it is clipped.
_ROUNDING = 0.01


@dataclass(frozen=True)
class Detection:
    """A part of a picture: an object, a face, a region.

    Attributes:
        box: (x, y, w, h): the left upper corner, the width and the height, in pixels of the upright picture.
        label: what it is; empty if the processor names nothing.
        score: how certain it is; the higher, the more. Detectors give probabilities, 0 to 1.
        keypoints: (x, y) of each point that the processor knows of it, such as the eyes, in pixels of the picture. May
            lie outside it.
    """

    box: Box
    label: str = ""
    score: float = 1.0
    keypoints: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Unplaced(Detection):
    """A part that its processor does not say the place of: ``box`` is that of the whole picture, in which it lies.

    Attributes:
        image: the part, cut out, (h, w, 3) uint8; None if the processor gave a label alone, or if the crop has not been
            decoded.
        crop: the same as a JPEG, as the processor gave it.
    """

    image: npt.NDArray[np.uint8] | None = field(default=None, compare=False)
    crop: bytes | None = None


@dataclass(frozen=True)
class Encoded(Detection):
    """A part whose vector its processor has made with it.

    Attributes:
        vector: (dimension,) float32, of unit length, as of the encoder behind the processor.
    """

    vector: npt.NDArray[np.float32] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Part:
    """A part of a picture, and what was made of it.

    Attributes:
        detection: where it is, and what.
        vector: of a pipeline: (dimension,) float32, of unit length.
        crop: of a processor, if crops are wanted: a JPEG.
    """

    detection: Detection
    vector: npt.NDArray[np.float32] | None = None
    crop: bytes | None = None


@dataclass(frozen=True)
class Found:
    """Everything that was found in one picture.

    Attributes:
        parts: of the picture, the most certain first; there may be none.
        drawn: the picture with the parts drawn onto it, as a JPEG, if that is wanted.
    """

    parts: tuple[Part, ...] = ()
    drawn: bytes | None = None


def best(detections: Sequence[Detection], count: int) -> list[Detection]:
    """At most ``count`` detections, the most certain first; of equal ones in their order."""
    return sorted(detections, key=lambda each: -each.score)[:count]


def shortest(value: float) -> float:
    """The number with the fewest digits that is the same float32, which is what models compute in and what travels."""
    return float(str(np.float32(value)))


def score_text(score: float, digits: int = 2) -> str:
    """A score for people. One that is not quite 1 is not shown as 1."""
    rounded = round(score, digits)
    return f"{rounded - 10**-digits if score < 1 <= rounded else rounded:.{digits}f}"


def checked_detections(found: object, image_size: tuple[int, int], labels: Sequence[str]) -> list[Detection]:
    """Hold what ``postprocess`` returned to the contract.

    Args:
        found: what it returned.
        image_size: (width, height) of the picture, in pixels.
        labels: those that the processor may give; any, if empty.

    Returns:
        The same detections with plain Python numbers, in order.

    Raises:
        ModelFailed: it is no list of detections, or one has a box that is empty or not inside the picture, a number
            that is NaN or inf, or another label.
    """
    if not isinstance(found, Iterable):
        raise ModelFailed(f"postprocess returned {type(found).__name__}, expected a list of Detection")
    return [_checked(number, each, image_size, labels) for number, each in enumerate(found)]


# Of a label that is wrong, in messages.
_SHOWN = 100


def _checked(number: int, found: Any, image_size: tuple[int, int], labels: Sequence[str]) -> Detection:
    name = f"detection {number}"
    if not isinstance(found, Detection):
        raise ModelFailed(f"{name} is {type(found).__name__}, expected Detection")
    label: object = found.label
    if not isinstance(label, str) or (labels and label not in labels):
        raise ModelFailed(f"{name} has the label {repr(label)[:_SHOWN]}, which is not one of the processor's labels")
    if not label.isascii() and not _is_text(label):
        raise ModelFailed(f"{name} has the label {repr(label)[:_SHOWN]}, which UTF-8 cannot hold")
    keypoints = tuple(_numbers(f"keypoint {each} of {name}", point, 2) for each, point in enumerate(found.keypoints))
    [score] = _numbers(f"the score of {name}", [found.score], 1)
    box = _inside(name, found.box, image_size)
    return replace(found, box=box, score=score, keypoints=keypoints)  # type: ignore[arg-type]


def _is_text(label: str) -> bool:
    try:
        label.encode()
    except UnicodeEncodeError:
        return False
    return True


def _inside(name: str, box: object, image_size: tuple[int, int]) -> Box:
    x, y, w, h = _numbers(f"the box of {name}", box, 4)
    width, height = image_size
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, width), min(y + h, height)
    if max(left - x, top - y, x + w - right, y + h - bottom) > _ROUNDING:
        raise ModelFailed(f"{name} has the box {(x, y, w, h)}, which is not inside its picture of {width} x {height}")
    if right <= left or bottom <= top:
        raise ModelFailed(f"{name} has the box {(x, y, w, h)}, which is empty")
    return left, top, right - left, bottom - top


def _numbers(name: str, given: Any, count: int) -> tuple[float, ...]:
    try:
        numbers = tuple(float(each) for each in given)
    except (TypeError, ValueError):
        raise ModelFailed(f"{name} is {given!r}, expected {count} numbers") from None
    if len(numbers) != count:
        raise ModelFailed(f"{name} has {len(numbers)} numbers, expected {count}")
    if not all(map(math.isfinite, numbers)):
        raise ModelFailed(f"{name} has NaN or inf")
    return numbers
