"""Is there a GPU to compute on? What a person asked for and is not there is an error, never a silent fall-back."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import Literal

from visop.errors import SettingsError

logger = logging.getLogger(__name__)


def wants_gpu(device: Literal["auto", "cpu", "gpu"], dev: Path = Path("/dev")) -> bool:
    """Whether the model runs on a GPU.

    Args:
        device: what was asked for. ``auto`` takes the CPU if anything is missing, and logs what.
        dev: the folder of device nodes.

    Raises:
        SettingsError: a GPU was asked for and something is missing; says what.
    """
    if device == "cpu":
        return False
    missing = _missing_for_gpu(dev)
    if missing is None:
        return True
    if device == "gpu":
        raise SettingsError("device", "gpu", missing)
    logger.info("OP_DEVICE=auto takes the CPU: %s", missing)
    return False


def _missing_for_gpu(dev: Path) -> str | None:
    """What a GPU would need and is not there; None if it is all there. Imports TensorFlow only if there is hope."""
    if not (any(dev.glob("nvidia[0-9]*")) or any(dev.glob("dxg"))):
        return "there is no NVIDIA device (/dev/nvidia0, /dev/dxg)"
    if importlib.util.find_spec("tensorflow") is None:
        return "there is an NVIDIA device, but TensorFlow is not installed: pip install 'visop[gpu]'"
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return f"there is an NVIDIA device, but TensorFlow {tf.__version__} sees no GPU: driver, CUDA or build"
    return None
