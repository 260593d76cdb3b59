"""A picture at several scales, cut and packed into square tiles of one size.

The first network looks at windows of 12 x 12 pixels, which find faces of one size. With tiles, pictures and scales of
every size are a batch of one shape. Pieces of a large scale overlap, so that each window lies in one of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from visop.contract import Image

#: Pixels along a side of a tile, of a window, and between two windows.
TILE, WINDOW, STRIDE = 256, 12, 2

# Faces of so many pixels and more are found: larger ones in pictures so large that the first scale would have more
# than so many pixels.
_LEAST_FACE, _MOST_PIXELS = 20, 1_500_000
# From one scale to the next.
_FACTOR = 0.709


@dataclass(frozen=True)
class Piece:
    """A part of a picture at one scale, in a tile.

    Attributes:
        tile: the number of the tile.
        left: where it begins in the tile, in pixels; even.
        top: as ``left``.
        rows: of windows in it.
        columns: as ``rows``.
        x: where it begins in the picture at its scale, in pixels.
        y: as ``x``.
        scale: of the picture, before its sides were rounded down to whole pixels.
    """

    tile: int
    left: int
    top: int
    rows: int
    columns: int
    x: int
    y: int
    scale: float

    def of_map(self, maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What the network answered for its windows: from (tiles, outputs, rows, columns) to (outputs, ...)."""
        row, column = self.top // STRIDE, self.left // STRIDE
        found: npt.NDArray[np.float32] = maps[self.tile, :, row : row + self.rows, column : column + self.columns]
        return found


@dataclass(frozen=True)
class Pyramid:
    """A picture at all scales.

    Attributes:
        tiles: (N, TILE, TILE, 3) uint8; none if no face fits into the picture.
        pieces: what stands in them.
    """

    tiles: npt.NDArray[np.uint8]
    pieces: list[Piece]


def scales(width: int, height: int) -> list[float]:
    """At which a picture of so many pixels is looked at, the largest first."""
    scale = min(WINDOW / _LEAST_FACE, math.sqrt(_MOST_PIXELS / (width * height)))
    found = []
    while min(width, height) * scale >= WINDOW:
        found.append(scale)
        scale *= _FACTOR
    return found


def pyramid(image: Image) -> Pyramid:
    """Scale a picture, (H, W, 3) uint8, down again and again."""
    cut = sorted(_pieces(image), key=lambda each: -len(each[0]))
    tiles: list[npt.NDArray[np.uint8]] = []
    pieces, left, top, height = [], TILE, TILE, 0
    for pixels, x, y, scale in cut:  # in rows, each as high as its first piece, which is its highest
        if left + pixels.shape[1] > TILE:
            left, top, height = 0, top + height, len(pixels)
        if top + len(pixels) > TILE:
            tiles.append(np.full((TILE, TILE, 3), 128, np.uint8))
            left, top, height = 0, 0, len(pixels)
        tiles[-1][top : top + len(pixels), left : left + pixels.shape[1]] = pixels
        rows, columns = (windows(each) for each in pixels.shape[:2])
        pieces.append(Piece(len(tiles) - 1, left, top, rows, columns, x, y, scale))
        left += pixels.shape[1]
    return Pyramid(np.asarray(tiles, np.uint8).reshape(-1, TILE, TILE, 3), pieces)


def windows(pixels: int) -> int:
    """How many windows stand beside each other on so many pixels, an even number."""
    return (pixels - WINDOW) // STRIDE + 1


def _pieces(image: Image) -> Iterator[tuple[Image, int, int, float]]:
    import cv2

    height, width = image.shape[:2]
    for scale in scales(width, height):
        size = int(width * scale), int(height * scale)
        scaled = _even(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8))
        step = windows(TILE) * STRIDE
        for y in range(0, max(1, len(scaled) - WINDOW + STRIDE), step):
            for x in range(0, max(1, scaled.shape[1] - WINDOW + STRIDE), step):
                yield scaled[y : y + TILE, x : x + TILE], x, y, scale


def _even(image: Image) -> Image:
    """With the last row or column twice where their number is odd: the network looks that far."""
    return np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), "edge")
