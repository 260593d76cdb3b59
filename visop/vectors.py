"""Vectors of unit length, as every search engine can compare them."""

from __future__ import annotations

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
