"""Random weights that are the same for everybody: for trials with no download, and for tests."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from visop.processors.boxes import Floats

#: What makes them; part of what they are known by.
RECIPE = "He-normal, NumPy PCG64, seed 0, lengths 20, revision 1"

# Of the predictions, as a share of what keeps the size of numbers: offsets as large as the maps would mean boxes of any
# size.
_PREDICTIONS = 0.01


def random_tensors(shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, Floats]:
    """Tensors of ``layout.tensor_shapes``: He-normal kernels, small ones of predictions, zero biases."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in shapes.items():
        if name.endswith("/kernel"):
            share = _PREDICTIONS if name.startswith(("boxes", "classes")) else 1.0
            deviation = np.float32(share * math.sqrt(2 / math.prod(shape[:-1])))
            tensors[name] = rng.standard_normal(shape, np.float32) * deviation
        else:
            tensors[name] = np.full(shape, 20.0 if name.endswith("/scale") else 0.0, np.float32)
    return tensors
