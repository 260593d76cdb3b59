"""Vectors of unit length, as every search engine can compare them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from visop.errors import ModelFailed


def normalise(row: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | ModelFailed:
    """Divide a vector by its Euclidean (L2) length.

    Args:
        row: (dimension,) float32, as the model returned it; not modified.

    Returns:
        (dimension,) float32 of length 1 that owns its memory, or the error of a row that has no direction.
    """
    if not np.isfinite(row).all():
        return ModelFailed("infer answered NaN or inf")
    # In double precision, because squares of large float32 values overflow.
    norm = float(np.linalg.norm(row.astype(np.float64)))
    if norm == 0.0:
        return ModelFailed("infer answered a zero vector, which has no direction")
    return (row / norm).astype(np.float32)


def descriptors_of(vector: npt.NDArray[np.float32], names: Sequence[str]) -> dict[str, npt.NDArray[np.float32]]:
    """Take a vector of several descriptors apart.

    Args:
        vector: (dimension,) float32, the descriptors side by side.
        names: of the descriptors; each is ``dimension / len(names)`` long.

    Returns:
        Each by its name, of unit length. One that is zeros stays zeros, and is never NaN.

    Raises:
        ModelFailed: the vector cannot be divided by so many.
    """
    if not names or len(vector) % len(names):
        raise ModelFailed(f"a vector of {len(vector)} numbers cannot be {len(names)} descriptors of one length")
    rows = vector.reshape(len(names), -1).astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    units = (rows / np.where(norms == 0, 1, norms)).astype(np.float32)
    return dict(zip(names, units, strict=True))
