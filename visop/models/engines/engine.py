"""What a runtime that computes an encoder looks like: pictures in, vectors out.

On a CPU that is OpenVINO, on a GPU Keras on TensorFlow. Another runtime is another class with these methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from visop.models.registry import Precision
from visop.settings import Settings


class Engine(Protocol):
    """A compiled encoder. One thread calls it."""

    device: str
    """cpu or gpu."""
    precision: Precision
    """Of the arithmetic. Vectors are float32 in any case."""
    max_batch: int

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Encode (N, height, width, 3) uint8 RGB, 1 <= N <= max_batch.

        Returns:
            (N, dimension) float32, rows of unit length (zeros if all features are); an array of the caller's own.
        """

    def close(self) -> None:
        """Give back memory and threads."""


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """Where and how an encoder computes: the settings of these names."""

    device: Literal["auto", "cpu", "gpu"]
    precision: Literal["auto"] | Precision
    threads: int
    max_batch: int
    cache_dir: Path

    @classmethod
    def of(cls, settings: Settings) -> EngineOptions:
        """Those that the settings ask for."""
        return cls(
            device=settings.device,
            precision=settings.precision,
            threads=settings.threads,
            max_batch=settings.max_batch,
            cache_dir=settings.cache_dir.expanduser(),
        )
