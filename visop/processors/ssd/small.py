"""A small SSD on the convolutions of the shipped encoder: fast on a CPU, and trained in minutes.

Plain facts; imports no runtime until it is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visop.contract import Image
from visop.errors import UsageError, WeightsError
from visop.processors.boxes import Floats
from visop.processors.ssd.coding import LARGEST_LOG
from visop.processors.ssd.priors import PriorMap, prior_boxes
from visop.processors.ssd.selection import SelectionRule

if TYPE_CHECKING:
    from visop.models.detector_file import DetectorHeader

NAME = "small-ssd"

#: Pixels along a side of what it looks at, where nothing else is said.
SIDE = 160
_SIDES, _MULTIPLE = (64, 1024), 32

# Sides of the square priors of each map, and, last, what the next one would have: two to three cells at the usual side.
_SCALES = (0.08, 0.2, 0.38, 0.6, 0.85)
_FEW, _MANY = (2.0, 1 / 2), (2.0, 1 / 2, 3.0, 1 / 3)
_RATIOS = (_FEW, _MANY, _MANY, _FEW)
# Pixels of the picture to a cell of each map.
_STRIDES = (4, 8, 16, 32)


@dataclass(frozen=True)
class SmallSsd:
    """A small SSD, before its weights are read.

    Attributes:
        labels: of its classes without the background.
        side: of what it looks at, in pixels.

    Raises:
        UsageError: there is none of that side.
    """

    labels: tuple[str, ...]
    side: int = SIDE

    name = NAME
    largest_log = LARGEST_LOG
    rule = SelectionRule(score=0.4, overlap=0.45, most_per_class=200, most=200)

    def __post_init__(self) -> None:
        if type(self.side) is not int or self.side % _MULTIPLE or not _SIDES[0] <= self.side <= _SIDES[1]:
            rule = f"must be a multiple of {_MULTIPLE} from {_SIDES[0]} to {_SIDES[1]} for {NAME}"
            raise UsageError("side", self.side, rule)

    @classmethod
    def of_file(cls, path: Path, header: DetectorHeader) -> SmallSsd:
        """That of a detector file. Raises WeightsError if there is none of that side."""
        try:
            return cls(header.labels, header.network.get("side", SIDE))
        except UsageError as error:
            raise WeightsError("", "", f"{path}: {error}") from None

    @property
    def facts(self) -> dict[str, Any]:
        """Those of ``DetectorHeader.network``."""
        return {"side": self.side}

    @property
    def maps(self) -> tuple[PriorMap, ...]:
        """The maps that predict."""
        cells = [-(-self.side // stride) for stride in _STRIDES]
        return tuple(
            PriorMap((count, count), scale, following, ratios)
            for count, scale, following, ratios in zip(cells, _SCALES[:-1], _SCALES[1:], _RATIOS, strict=True)
        )

    @property
    def priors(self) -> Floats:
        """(P, 4), as of ``prior_boxes``."""
        return prior_boxes(self.maps)

    def prepared(self, image: Image) -> Image:
        """(H, W, 3) uint8 RGB of any size -> (side, side, 3) uint8."""
        from visop.images.decode import resize_image

        return resize_image(image, self.side, self.side, "bilinear")

    def build(self, *, softmax: bool = True) -> Any:
        """The Keras model, from what ``prepared`` gives; without weights worth anything.

        Args:
            softmax: whether classes are probabilities, or, for training, their logits.
        """
        from visop.processors.ssd.small_network import build_small_ssd

        return build_small_ssd(self.side, self.maps, 1 + len(self.labels), softmax=softmax)
