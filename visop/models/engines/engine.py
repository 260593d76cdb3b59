"""The seam between an encoder and the runtime that computes it: pictures in, vectors out.

On CPU that is OpenVINO, on GPU Keras on TensorFlow; another runtime is another class of this shape. What a person asked
for and is not there is an error, never a silent fall-back.
"""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from visop.errors import SettingsError
from visop.models.registry import ModelSpec, Precision
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


def load_engine(spec: ModelSpec, weights: Weights, settings: Settings) -> Engine:
    """Compile a model for the device that the settings ask for, and run it once.

    Raises:
        SettingsError: device, precision or runtime is not there.
        WeightsError: the weights do not fit the model.
    """
    engine = _load_gpu(spec, weights, settings) if _wants_gpu(settings.device) else _load_cpu(spec, weights, settings)
    logger.info("%s runs on %s in %s, batches of %d", spec.name, engine.device, engine.precision, engine.max_batch)
    return engine


def _load_cpu(spec: ModelSpec, weights: Weights, settings: Settings) -> Engine:
    _require("openvino", "visop[cpu]")
    switch_off_telemetry()
    from visop.models.engines.openvino import OpenVinoEngine

    return OpenVinoEngine(spec, weights, settings)


def _load_gpu(spec: ModelSpec, weights: Weights, settings: Settings) -> Engine:
    from visop.models.engines.keras import KerasEngine

    return KerasEngine(spec, weights, settings)


def _require(module: str, package: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise SettingsError(f"{module} is not installed: pip install '{package}'")


def _wants_gpu(device: Literal["auto", "cpu", "gpu"]) -> bool:
    if device == "cpu":
        return False
    missing = _missing_for_gpu()
    if missing is None:
        return True
    if device == "gpu":
        raise SettingsError(f"OP_DEVICE=gpu: {missing}")
    logger.info("OP_DEVICE=auto takes the CPU: %s", missing)
    return False


def _missing_for_gpu() -> str | None:
    """What a GPU would need and is not there; None if it is all there. Imports TensorFlow only if there is hope."""
    if not _nvidia_nodes():
        return "there is no NVIDIA device (/dev/nvidia0, /dev/dxg)"
    if importlib.util.find_spec("tensorflow") is None:
        return "there is an NVIDIA device, but TensorFlow is not installed: pip install 'visop[gpu]'"
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return f"there is an NVIDIA device, but TensorFlow {tf.__version__} sees no GPU: driver, CUDA or build"
    return None


def _nvidia_nodes() -> list[Path]:
    dev = Path("/dev")
    return [*dev.glob("nvidia[0-9]*"), *dev.glob("dxg")]
