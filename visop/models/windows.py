"""Windows of a picture that are pooled from one pass of an encoder over all of it. Imports no runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

#: (x, y, w, h) as shares of the sides of the picture.
Window = tuple[float, float, float, float]


@dataclass(frozen=True)
class Windows:
    """What is pooled.

    Attributes:
        side: of the square that the network sees the picture as, in pixels.
        each: the windows.
    """

    side: int
    each: tuple[Window, ...]

    def weights(self, positions: int) -> npt.NDArray[np.float32]:
        """How much each position of a square map counts in the mean of each window: by how much of it is inside.

        Args:
            positions: along a side of the map.

        Returns:
            (positions x positions, windows) float32; each column adds up to 1.
        """
        columns = [_covered(positions, x, w)[None, :] * _covered(positions, y, h)[:, None] for x, y, w, h in self.each]
        return np.stack([each.ravel() / each.sum() for each in columns], axis=1).astype(np.float32)


class WindowEncoder(Protocol):
    """A network that sees a picture once, larger than its encoder takes it, and gives a vector for each window."""

    def load(self) -> None:
        """Compile it, for one size of its input; after that of its encoder."""

    def resized(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB of any size -> (side, side, 3); many threads at once."""

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(N, side, side, 3) -> (N, windows, dimension), in the space of the encoder; one thread."""

    def close(self) -> None:
        """Give back memory and threads."""


@runtime_checkable
class PoolsWindows(Protocol):
    """An encoder that can pool windows. ``regions:N:pooled`` asks for it."""

    def window_encoder(self, windows: Windows) -> WindowEncoder:
        """Its network for these windows, not loaded yet.

        Raises:
            UsageError: with these settings it cannot pool them.
        """


def _covered(positions: int, start: float, length: float) -> npt.NDArray[np.float64]:
    """Which share of each position along a side lies inside an interval."""
    lows = np.arange(positions)
    first, last = start * positions, (start + length) * positions
    shares: npt.NDArray[np.float64] = np.clip(np.minimum(lows + 1, last) - np.maximum(lows, first), 0.0, 1.0)
    return shares
