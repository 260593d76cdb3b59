"""Use perceptual hashes from the library ``imagehash`` as encoders: baselines that need no model.

A hash has 64 bits and is written as a unit vector of ±1/8. The cosine of two such vectors is exactly
1 - 2 * (number of different bits) / 64, so that the code for vectors also ranks and calibrates hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from visop.contract import Image

#: phash, from a DCT: Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010. dhash, from
#: differences between neighbouring pixels: Krawetz, "Kind of Like That", 2013.
HASHES: dict[str, Callable[[PILImage.Image], Any]] = {"phash": imagehash.phash, "dhash": imagehash.dhash}

_BITS = 64


class HashEncoder:
    """One of ``HASHES`` as an encoder.

    Attributes:
        dimension: the number of bits.
        fingerprint: the algorithm and the version of the library.
    """

    dimension = _BITS

    def __init__(self, name: str) -> None:
        self.name, self._hash = name, HASHES[name]
        self.about = f"perceptual hash of {_BITS} bits, no model"
        self.fingerprint = f"{name}-imagehash-{imagehash.__version__}"

    def prepare(self, image: Image) -> npt.NDArray[np.float32]:
        """Hash an image, (H, W, 3) uint8 RGB, into (64,) float32 of ±1/8."""
        bits = self._hash(PILImage.fromarray(image)).hash.ravel()
        return np.where(bits, np.float32(1 / 8), np.float32(-1 / 8))

    def encode(self, inputs: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        """Stack the results of ``prepare`` into (N, 64) float32."""
        return np.stack(inputs)
