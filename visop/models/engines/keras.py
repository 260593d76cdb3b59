"""The GPU engine: the same Keras definition on TensorFlow, in static batch sizes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.errors import SettingsError
from visop.models.engines.engine import EngineOptions
from visop.models.precision import choose_precision
from visop.models.registry import ModelSpec, Precision, ServedPooling
from visop.models.weights import Weights

DEFAULT_BATCH = 64
_BF16_CAPABILITY = (8, 0)  # Ampere; earlier generations emulate bfloat16


class KerasEngine:
    """A model traced once per batch size on one TensorFlow device; see ``Engine``.

    A batch is filled up to the next traced size and the surplus is thrown away: every new shape would cost a trace, a
    search for algorithms and memory, in the middle of serving.
    """

    def __init__(
        self, spec: ModelSpec, weights: Weights, pooling: ServedPooling, options: EngineOptions, device: str = "GPU"
    ) -> None:
        keras, tf = _import_keras_on_tensorflow()
        hardware = tf.config.list_physical_devices(device)[0]
        if device == "GPU":
            # One process per GPU, but not all of its memory from the start.
            tf.config.experimental.set_memory_growth(hardware, True)
        self.device = device.lower()
        capability = tf.config.experimental.get_device_details(hardware).get("compute_capability")
        has_bf16 = capability is None or capability >= _BF16_CAPABILITY  # None: not a GPU
        native: set[Precision] = {"bf16"} if has_bf16 else set()
        self.precision = choose_precision(
            options.precision, spec, native=native, device=f"a GPU of compute capability {capability}"
        )
        self.max_batch = options.max_batch or DEFAULT_BATCH
        # TensorFlow's float32 is TF32 otherwise, with the mantissa of half precision.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        with tf.device(f"{device}:0"), _dtype_policy(keras, self.precision):
            self._calls = _trace(tf, _build(spec, weights, pooling), self.max_batch)
            for size in self._calls:
                self(np.zeros((size, spec.height, spec.width, 3), np.uint8))

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Encode a batch; see ``Engine``."""
        size = next(size for size in self._calls if size >= len(images))
        padded = np.zeros((size, *images.shape[1:]), np.uint8)
        padded[: len(images)] = images
        return np.array(self._calls[size](padded)[: len(images)], np.float32)

    def close(self) -> None:
        """Give back memory and threads."""
        self._calls.clear()


def batch_sizes(max_batch: int) -> list[int]:
    """The powers of two below ``max_batch``, and ``max_batch``."""
    return [1 << power for power in range((max_batch - 1).bit_length())] + [max_batch]


def _import_keras_on_tensorflow() -> tuple[Any, Any]:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    import tensorflow as tf

    if keras.config.backend() != "tensorflow":
        loaded = keras.config.backend()
        raise SettingsError("device", "gpu", f"needs Keras on TensorFlow; it is loaded on {loaded} already")
    # A person's keras.json may say otherwise, and would change the vectors.
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    return keras, tf


@contextmanager
def _dtype_policy(keras: Any, precision: str) -> Iterator[None]:
    """Layers built inside compute in this precision; their weights stay float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bf16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _build(spec: ModelSpec, weights: Weights, pooling: ServedPooling) -> Any:
    from visop.models.graph import build_backbone, build_encoder
    from visop.models.loading import load_weights

    backbone = build_backbone(spec)
    return build_encoder(spec, backbone, pooling, load_weights(spec, backbone, weights))


def _trace(tf: Any, encoder: Any, max_batch: int) -> dict[int, Any]:
    call = tf.function(lambda images: encoder(images, training=False))
    shape = encoder.input_shape[1:]
    return {
        size: call.get_concrete_function(tf.TensorSpec((size, *shape), tf.uint8)) for size in batch_sizes(max_batch)
    }
