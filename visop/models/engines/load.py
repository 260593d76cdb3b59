"""Load the engine for the device that was asked for. A device that is missing is an error, never a silent fallback."""

from __future__ import annotations

import logging

from visop.models.engines.device import wants_gpu
from visop.models.engines.engine import Engine, EngineOptions
from visop.models.engines.library import openvino
from visop.models.registry import ModelSpec, ServedPooling
from visop.models.weights import Weights

logger = logging.getLogger(__name__)


def load_engine(spec: ModelSpec, weights: Weights, pooling: ServedPooling, options: EngineOptions) -> Engine:
    """Compile a model for the device that the options ask for, and run it once.

    Raises:
        UsageError: device, precision or runtime is not there.
        WeightsError: the weights do not fit the model.
    """
    load = _load_gpu if wants_gpu(options.device) else _load_cpu
    engine = load(spec, weights, pooling, options)
    logger.info("%s runs on %s in %s, batches of %d", spec.name, engine.device, engine.precision, engine.max_batch)
    return engine


def _load_cpu(spec: ModelSpec, weights: Weights, pooling: ServedPooling, options: EngineOptions) -> Engine:
    openvino()
    from visop.models.engines.openvino import OpenVinoEngine

    return OpenVinoEngine(spec, weights, pooling, options)


def _load_gpu(spec: ModelSpec, weights: Weights, pooling: ServedPooling, options: EngineOptions) -> Engine:
    from visop.models.engines.keras import KerasEngine

    return KerasEngine(spec, weights, pooling, options)
