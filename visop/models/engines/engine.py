"""The seam between an encoder and the runtime that computes it: pictures in, vectors out.

On CPU that is OpenVINO, on GPU Keras on TensorFlow; another runtime is another class of this shape. What a person asked
for and is not there is an error, never a silent fall-back.
"""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from visop.errors import UsageError
from visop.models.engines.device import wants_gpu
from visop.models.registry import ModelSpec, Pooling, Precision
from visop.models.telemetry import switch_off_telemetry
from visop.models.weights import Weights
from visop.settings import Settings

logger = logging.getLogger(__name__)


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


def load_engine(spec: ModelSpec, weights: Weights, pooling: Pooling, options: EngineOptions) -> Engine:
    """Compile a model for the device that the options ask for, and run it once.

    Raises:
        UsageError: device, precision or runtime is not there.
        WeightsError: the weights do not fit the model.
    """
    load = _load_gpu if wants_gpu(options.device) else _load_cpu
    engine = load(spec, weights, pooling, options)
    logger.info("%s runs on %s in %s, batches of %d", spec.name, engine.device, engine.precision, engine.max_batch)
    return engine


def _load_cpu(spec: ModelSpec, weights: Weights, pooling: Pooling, options: EngineOptions) -> Engine:
    if importlib.util.find_spec("openvino") is None:
        raise UsageError("", "", "openvino is not installed: pip install 'visop[cpu]'")
    switch_off_telemetry()
    from visop.models.engines.openvino import OpenVinoEngine

    return OpenVinoEngine(spec, weights, pooling, options)


def _load_gpu(spec: ModelSpec, weights: Weights, pooling: Pooling, options: EngineOptions) -> Engine:
    from visop.models.engines.keras import KerasEngine

    return KerasEngine(spec, weights, pooling, options)
