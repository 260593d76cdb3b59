"""Random weights that are the same for everybody: for trials with no download, and for tests."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.models.weights import RANDOM_SEED

_FILL = {"bias": 0.0, "beta": 0.0, "gamma": 1.0, "moving_mean": 0.0, "moving_variance": 1.0}


def set_random_weights(backbone: Any, seed: int = RANDOM_SEED) -> None:
    """Give a Keras model He-normal kernels, zero biases, and batch normalisations that change nothing.

    The numbers come from NumPy in the order of the layers, so they depend neither on the backend nor on its generator.
    """
    rng = np.random.default_rng(seed)
    backbone.set_weights([_draw(weight.path, tuple(weight.shape), rng) for weight in backbone.weights])


def _draw(path: str, shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    kind = path.rpartition("/")[2]
    if kind in _FILL:
        return np.full(shape, _FILL[kind], np.float32)
    return rng.standard_normal(shape, np.float32) * np.float32(math.sqrt(2 / _fan_in(path, shape)))


def _fan_in(path: str, shape: tuple[int, ...]) -> int:
    """He et al. 2015, "Delving Deep into Rectifiers", eq. 10: the standard deviation is sqrt(2 / fan in).

    Kernels are (height, width, in, out); those of depthwise convolutions (height, width, in, multiplier), where every
    output sees one input channel.
    """
    is_depthwise = "depthwise" in path
    return math.prod(shape[:2]) if is_depthwise else math.prod(shape[:-1])
