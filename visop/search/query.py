"""A picture to search with, in the parts that are searched with: a box of it, and views of that."""

from __future__ import annotations

import math
from collections.abc import Sequence

from visop.contract import Image
from visop.detection import Box
from visop.errors import UsageError
from visop.images.crops import crop
from visop.images.decode import ImageLimits, resize_image
from visop.images.decode_process import decode_in_process
from visop.images.thumbnail import as_file
from visop.search.views import view_boxes

# Of the shorter side of a file: encoders take a few hundred pixels, and files of more are slow to make.
_MOST_SIDE = 768


def query_boxes(size: tuple[int, int], box: Sequence[float] | None, *, thorough: bool) -> Sequence[Box]:
    """The boxes of what is searched with, the whole of it first, in a picture of (width, height) pixels.

    Raises:
        UsageError: the box is empty or not inside the picture.
    """
    area = (0.0, 0.0, float(size[0]), float(size[1])) if box is None else checked_box(box, size)
    if not thorough:
        return [area]
    views = view_boxes((math.ceil(area[2]), math.ceil(area[3])))
    return [area, *(_within(area, view) for view in views[1:])]


def checked_box(box: Sequence[float], size: tuple[int, int]) -> Box:
    """A box of a picture of (width, height) pixels.

    Raises:
        UsageError: it is empty, not inside the picture, or not of four finite numbers.
    """
    shown = ",".join(f"{number:g}" for number in box)
    if len(box) != 4 or not all(map(math.isfinite, box)):
        raise UsageError("box", shown, "must be x,y,w,h: four numbers, in pixels")
    x, y, w, h = map(float, box)
    if w <= 0 or h <= 0:
        raise UsageError("box", shown, "is empty: width and height must be above 0")
    if x < 0 or y < 0 or x + w > size[0] or y + h > size[1]:
        raise UsageError("box", shown, f"must lie inside the picture, which has {size[0]} x {size[1]} pixels")
    return x, y, w, h


def cut_files(
    data: bytes, box: Sequence[float] | None, limits: ImageLimits, *, thorough: bool
) -> list[tuple[Box, bytes]]:
    """What is searched with of the picture in a file: boxes, and the files of what is in them, the whole first.

    Raises:
        UsageError: as ``query_boxes``.
        VisopError: the picture cannot be decoded.
    """
    image = decode_in_process(data, limits, None)
    size = image.shape[1], image.shape[0]
    return [(each, _file(crop(image, each, size))) for each in query_boxes(size, box, thorough=thorough)]


def _within(area: Box, view: Box) -> Box:
    """A box of an area, in the coordinates of the picture; clipped, as areas need not be of whole pixels."""
    x, y = area[0] + view[0], area[1] + view[1]
    return x, y, min(view[2], area[0] + area[2] - x), min(view[3], area[1] + area[3] - y)


def _file(image: Image) -> bytes:
    height, width = image.shape[:2]
    scale = _MOST_SIDE / min(height, width)
    if scale < 1:
        image = resize_image(image, round(height * scale), round(width * scale), "bilinear")
    return as_file(image)
