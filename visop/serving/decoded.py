"""A decoded picture on its way through the steps of an operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from visop.contract import Image
from visop.detection import Detection
from visop.images.crops import CropOptions


@dataclass(frozen=True)
class Decoded:
    """A decoded picture.

    Attributes:
        image: (H, W, 3) uint8, perhaps at a reduced scale.
        size: (width, height) of the upright picture, in pixels.
        file: it was decoded from; empty unless ``Steps.needs_files``.
        crops: how the caller wants its parts.
        go_on: runs the next stage in a thread of those that make parts; what that raises ends the input.
        count: says how many parts are under way at once, which count as inputs.
        spend: counts a part with its crop, in bytes, or its vector, in numbers; raises if its call has too much.
    """

    image: Image
    size: tuple[int, int]
    file: bytes
    crops: CropOptions
    go_on: Callable[[Callable[[], None]], None]
    count: Callable[[int], None]
    spend: Callable[[Detection, int, int], None]
