"""The graph of the small SSD in Keras 3, of any backend and in both data formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from visop.models.small_vgg import ORIENTATIONS, STAGES, Standardise
from visop.processors.ssd.network import channels_first, predictions
from visop.processors.ssd.priors import PriorMap

#: Of the encoder; the last of its own has two thousand channels.
ENCODER_STAGES = STAGES[:-1]

# Layers whose maps predict: the last of the encoder's at each scale, and one of our own.
_PREDICTING = ("conv4", "conv6", "conv8", "conv9_2")

# Channels of the 1 x 1 and of the 3 x 3 with a stride of 2 behind the encoder's.
_FEW, _MANY = 128, 256


def build_small_ssd(side: int, maps: Sequence[PriorMap], classes: int, *, softmax: bool) -> Any:
    """Build the network; see ``SmallSsd.build``."""
    pixels = keras.Input((side, side, 3), dtype="uint8", name="pixels")
    image = Standardise(dtype="float32", name="standardise")(pixels)
    seen = _predicting(ops.transpose(image, (0, 3, 1, 2)) if channels_first() else image)
    boxes, scores = [], []
    for number, (each, priors) in enumerate(zip(seen, maps, strict=True), 1):
        boxes.append(predictions(f"boxes{number}", each, priors.per_cell, 4))
        scores.append(predictions(f"classes{number}", each, priors.per_cell, classes))
    together = ops.concatenate(scores, axis=1)
    together = ops.softmax(together, axis=-1) if softmax else together
    return keras.Model(pixels, ops.concatenate([ops.concatenate(boxes, axis=1), together], axis=-1), name="small_ssd")


def _predicting(image: Any) -> list[Any]:
    found, maps = {}, image
    for stage in ENCODER_STAGES:
        channels = stage.fields * ORIENTATIONS
        maps = layers.Conv2D(channels, stage.kernel, stage.stride, "same", activation="relu", name=stage.name)(maps)
        found[stage.name] = maps
        maps = layers.MaxPooling2D(name=f"{stage.name}_pool")(maps) if stage.pooled else maps
    maps = layers.Conv2D(_FEW, 1, activation="relu", name="conv9_1")(maps)
    found["conv9_2"] = layers.Conv2D(_MANY, 3, 2, "same", activation="relu", name="conv9_2")(maps)
    return [found[name] for name in _PREDICTING]
