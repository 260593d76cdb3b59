"""A picture on its way through a pipeline, and the places of what is found in what was found in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from visop.detection import Box, Detection, Part, Unplaced
from visop.errors import ModelFailed
from visop.images.thumbnail import size_of
from visop.serving.pipeline import Boxes, Input

#: The file behind an address; None if it is not one of this server.
ReadOwn = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Given:
    """A picture as a caller gave it.

    Attributes:
        field: that it was given for, for messages.
        value: base64, perhaps as a data URI; the address of a picture; or a file.
        is_url: whether it is an address.
    """

    field: str
    value: str | bytes
    is_url: bool


class PictureOnItsWay:
    """A picture, whose file is known once the first operator has it.

    Attributes:
        data: the file; empty before.
    """

    def __init__(self, given: Given) -> None:
        self._given, self.data = given, b""

    def input(self, boxes: Boxes | None = None) -> Input:
        """The whole picture; it is fetched and taken out of base64 once."""
        value = self.data or self._given.value
        is_url = self._given.is_url and not self.data
        return Input(self._given.field, value, is_url, take=self._take, boxes=boxes)

    def crop(self, part: Part, boxes: Boxes | None = None) -> Input:
        """A part of it, as a file. Raises ModelFailed if its processor gave none."""
        return Input(self._given.field, crop_of(part), boxes=boxes)

    def _take(self, data: bytes) -> None:
        self.data = data


def whole(size: tuple[int, int]) -> list[Box]:
    """The box of a whole picture of (width, height) pixels."""
    return [(0.0, 0.0, float(size[0]), float(size[1]))]


def within(outer: Part, inner: Sequence[Part]) -> list[Part]:
    """What was found in the crop of a part, in pixels of the picture that the part is of; scores are multiplied."""
    if isinstance(outer.detection, Unplaced):
        return [_unplaced(outer.detection, each) for each in inner]
    return [replace(each, detection=_moved(outer, each)) for each in inner]


def crop_of(part: Part) -> bytes:
    """The file of a part. Raises ModelFailed if its processor gave none."""
    own = part.detection.crop if isinstance(part.detection, Unplaced) else None
    file = part.crop or own
    if not file:
        raise ModelFailed("a processor gave neither the place of a part nor its crop")
    return file


def _unplaced(outer: Unplaced, part: Part) -> Part:
    """A part of what has no place has none."""
    found = part.detection
    file = part.crop or (found.crop if isinstance(found, Unplaced) else None)
    return Part(Unplaced(outer.box, found.label, outer.score * found.score, crop=file), crop=file)


def _moved(outer: Part, part: Part) -> Detection:
    """The box of a part of a crop, of which each side may have another number of pixels than the box of the crop."""
    found = part.detection
    if isinstance(found, Unplaced):
        return replace(found, box=outer.detection.box)
    x, y, w, h = outer.detection.box
    left, top = math.floor(x), math.floor(y)
    width, height = size_of(crop_of(outer))
    across, down = (math.ceil(x + w) - left) / width, (math.ceil(y + h) - top) / height
    places = left + found.box[0] * across, top + found.box[1] * down
    box = _inside((*places, found.box[2] * across, found.box[3] * down), outer.detection.box)
    return replace(found, box=box, score=outer.detection.score * found.score, keypoints=())


def _inside(box: Box, outer: Box) -> Box:
    """The part of a box that is inside of another one, of at least a pixel's hundredth."""
    x, y = max(box[0], outer[0]), max(box[1], outer[1])
    right, bottom = min(box[0] + box[2], outer[0] + outer[2]), min(box[1] + box[3], outer[1] + outer[3])
    return x, y, max(right - x, 0.01), max(bottom - y, 0.01)
