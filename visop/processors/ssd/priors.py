"""The boxes that an SSD starts from: of several shapes, at every cell of several feature maps (section 2.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from visop.processors.boxes import Floats


@dataclass(frozen=True)
class PriorMap:
    """The priors of one feature map. All lengths are shares of the picture's sides.

    Attributes:
        cells: rows and columns of the map.
        scale: the side of the square prior.
        next_scale: that of the next map, for a second square between the two.
        ratios: width / height of the further shapes, such as (2, 1/2); each has the area of the first square.
        step: from the middle of a cell to that of the next; 0 spreads the cells evenly over the picture. Caffe's
            implementation has steps of whole pixels, which are a little longer or shorter.
    """

    cells: tuple[int, int]
    scale: float
    next_scale: float
    ratios: tuple[float, ...]
    step: float = 0.0

    @property
    def shapes(self) -> list[tuple[float, float]]:
        """(width, height) of the priors of a cell, in their order: both squares, then the ratios in theirs."""
        between = math.sqrt(self.scale * self.next_scale)
        roots = [math.sqrt(ratio) for ratio in self.ratios]
        squares = [(self.scale, self.scale), (between, between)]
        return squares + [(self.scale * root, self.scale / root) for root in roots]

    @property
    def per_cell(self) -> int:
        """How many priors each cell has, which decides how many channels predict them."""
        return 2 + len(self.ratios)


def prior_boxes(maps: Sequence[PriorMap], *, at_most_the_picture: bool = False) -> Floats:
    """All priors of a network.

    Args:
        maps: in the order of their predictions.
        at_most_the_picture: whether widths and heights above 1 become 1.

    Returns:
        (N, 4) float32, rows (x, y, width, height) with x and y of the middle, as shares of the picture's sides: map by
        map, in each row by row and cell by cell, in each shape by shape. Boxes may stand out of the picture.
    """
    return np.concatenate([_of_map(each, at_most_the_picture) for each in maps]).astype(np.float32)


def _of_map(each: PriorMap, at_most_the_picture: bool) -> npt.NDArray[np.float64]:
    rows, columns = each.cells
    y, x = ((np.arange(count) + 0.5) * (each.step or 1 / count) for count in (rows, columns))
    shapes = np.asarray(each.shapes)
    boxes = np.empty((rows, columns, each.per_cell, 4))
    boxes[..., 0], boxes[..., 1] = x[None, :, None], y[:, None, None]
    boxes[..., 2:] = np.minimum(shapes, 1) if at_most_the_picture else shapes
    return boxes.reshape(-1, 4)
