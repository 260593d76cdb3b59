"""Regions of a picture: windows on a grid that overlap, at several scales. No model.

A picture that was cut out of another is found by the window that it lies in. Window sizes and counts are those that
were measured to find cuts of a half to a quarter of each side. An encoder behind them gets each cut out; one that can
pools them from one pass instead, see ``pooled_regions``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from visop.contract import Image, Processor
from visop.detection import Box, Detection
from visop.errors import SettingsError

#: By the number of regions, with the whole picture: (windows along a side, their size as a share of the side).
SCHEMES = {
    5: ((2, 0.6),),
    10: ((3, 0.5),),
    26: ((3, 0.5), (4, 0.34)),
    62: ((3, 0.5), (4, 0.34), (6, 0.25)),
}

WHOLE, WINDOW = "whole", "window"

#: How vectors of regions are made.
Form = Literal["cut", "pooled"]


class Regions(Processor):
    """The whole picture, and windows of it.

    Args:
        count: one of ``SCHEMES``.
        form: how an encoder behind this one is to see them.

    Raises:
        SettingsError: there is no such scheme.
    """

    labels = (WHOLE, WINDOW)

    def __init__(self, count: int = 10, form: Form = "cut") -> None:
        if count not in SCHEMES:
            counts = ", ".join(f"regions:{each}" for each in SCHEMES)
            raise SettingsError("processor", f"regions:{count}", f"must be one of {counts}")
        self.count, self.form = count, form

    @property
    def name(self) -> str:
        """With the number of regions and their form, on which it depends what an index holds."""
        return f"regions:{self.count}" + (":pooled" if self.form == "pooled" else "")

    def preprocess(self, image: Image) -> npt.NDArray[Any]:
        """Nothing of the picture is looked at."""
        return np.empty(0)

    def infer(self, batch: npt.NDArray[Any]) -> Sequence[Any]:
        """There is no model."""
        return list(batch)

    def postprocess(self, raw: npt.NDArray[Any], image_size: tuple[int, int]) -> list[Detection]:
        """The regions of a picture of this size, the whole first; all have the score 1."""
        return [
            Detection(box, WINDOW if number else WHOLE)
            for number, box in enumerate(region_boxes(self.count, image_size))
        ]


def region_boxes(count: int, image_size: tuple[int, int]) -> Sequence[Box]:
    """Boxes of the regions in a picture of (width, height) pixels.

    Windows are spread evenly from edge to edge. In a picture of few pixels several may be the same.
    """
    width, height = image_size
    boxes = [(0.0, 0.0, float(width), float(height))]
    for along, share in SCHEMES[count]:
        starts = np.linspace(0, 1 - share, along)
        boxes += [(x * width, y * height, share * width, share * height) for y in starts for x in starts]
    return boxes
