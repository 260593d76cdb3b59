"""Regions whose vectors are pooled from one pass of the encoder over a larger picture, and not cut out.

A window then has the pixels that the encoder takes, as a cut has. What differs: the contrast is that of the whole
picture, and the filters see what is next to the window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.contract import Encoder, Image, Vector
from visop.detection import Detection, Encoded
from visop.errors import ModelFailed, SettingsError, UsageError
from visop.models.windows import PoolsWindows, Window, WindowEncoder, Windows
from visop.processors.regions import WINDOW, Regions, region_boxes
from visop.vectors import normalise

# At which the smallest windows of a scheme have the pixels that the encoder takes, in multiples of 64.
_SIDES = {5: 320, 10: 384, 26: 576, 62: 768}

# A batch has as many pixels as one of eight pictures that the encoder takes, so that it needs as much memory.
_PIXELS_OF_BATCH = 8 * 192 * 192


def regions_before(regions: Regions, encoder: Encoder, margin: float) -> Regions:
    """The regions that a pipeline with this encoder has: pooled if that was asked for.

    Args:
        regions: as they were asked for.
        encoder: behind them.
        margin: added to each window, as of ``visop.images.crops.CropOptions``.

    Raises:
        SettingsError: pooled windows were asked for, and the encoder has none.
    """
    if regions.form != "pooled":
        return regions
    boxes = region_boxes(regions.count, (1, 1))[1:]
    windows = Windows(_SIDES[regions.count], tuple(_with_margin(box, margin) for box in boxes))
    try:
        if not isinstance(encoder, PoolsWindows):
            raise UsageError("", "", f"{encoder.name} encodes whole pictures only")
        return PooledRegions(regions.count, encoder.window_encoder(windows), windows.side)
    except UsageError as error:
        why = f"{error.why}; take regions:{regions.count}, which cuts the regions out"
        raise SettingsError("processor", regions.name, why) from error


class PooledRegions(Regions):
    """The whole picture, and windows of it with their vectors.

    Args:
        count: one of ``visop.processors.regions.SCHEMES``.
        network: of the encoder, for the windows of this scheme.
        side: of what it sees, in pixels.
    """

    def __init__(self, count: int, network: WindowEncoder, side: int) -> None:
        super().__init__(count, "pooled")
        self._network = network
        self.max_batch = max(1, _PIXELS_OF_BATCH // side**2)

    def load(self) -> None:
        """Compile the network."""
        self._network.load()

    def close(self) -> None:
        """Give it back."""
        self._network.close()

    def preprocess(self, image: Image) -> npt.NDArray[Any]:
        """(H, W, 3) uint8 of any size -> (side, side, 3) uint8."""
        return self._network.resized(image)

    def infer(self, batch: npt.NDArray[Any]) -> Sequence[Any]:
        """(N, side, side, 3) -> (N, windows, dimension) float32."""
        return list(self._network(batch))

    def postprocess(self, raw: npt.NDArray[Any], image_size: tuple[int, int]) -> list[Detection]:
        """The whole, whose vector the encoder makes, and the windows with theirs."""
        whole, *windows = super().postprocess(raw, image_size)
        return [whole, *(Encoded(each.box, WINDOW, vector=_unit(row)) for each, row in zip(windows, raw, strict=True))]


def _with_margin(box: Window, margin: float) -> Window:
    x, y, w, h = box
    left, top = max(0.0, x - margin * w), max(0.0, y - margin * h)
    return left, top, min(1.0, x + w + margin * w) - left, min(1.0, y + h + margin * h) - top


def _unit(row: npt.NDArray[np.float32]) -> Vector:
    vector = normalise(row)
    if isinstance(vector, ModelFailed):
        raise vector
    return vector
