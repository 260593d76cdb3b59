"""Perceptual hashes as encoders: the baselines that need no model, from the library ``imagehash``.

A hash is 64 bits. Written as a unit vector of ±1/8, its cosine with another is 1 - 2 * (bits that differ) / 64, and
exactly so: hashes are ranked and calibrated by the very code that ranks and calibrates vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from visop.contract import Image

#: Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010 (pHash, by DCT); Krawetz, "Kind of
#: Like That", 2013 (dHash, by differences of neighbours).
HASHES: dict[str, Callable[[PILImage.Image], Any]] = {"phash": imagehash.phash, "dhash": imagehash.dhash}

_BITS = 64


class HashEncoder:
    """One of ``HASHES``, as an encoder.

    Attributes:
        dimension: bits.
        fingerprint: the algorithm and the library's version.
    """

    dimension = _BITS

    def __init__(self, name: str) -> None:
        self.name, self._hash = name, HASHES[name]
        self.about = f"perceptual hash of {_BITS} bits, no model"
        self.fingerprint = f"{name}-imagehash-{imagehash.__version__}"

    def prepare(self, image: Image) -> npt.NDArray[np.float32]:
        """(H, W, 3) uint8 RGB -> (64,) float32, ±1/8."""
        bits = self._hash(PILImage.fromarray(image)).hash.ravel()
        return np.where(bits, np.float32(1 / 8), np.float32(-1 / 8))

    def encode(self, inputs: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        """Stack them."""
        return np.stack(inputs)
