"""From the last feature map to a unit vector, as part of the graph."""

from __future__ import annotations

from typing import Any

from keras import layers, ops

from opkit.models.registry import Pooling


def pool(features: Any, pooling: Pooling) -> Any:
    """Pool over all positions.

    Args:
        features: (N, height, width, C), or (N, C, height, width) where Keras is set to channels first; any float type.
        pooling: ``avg`` or ``max``.

    Returns:
        (N, C) float32. The sums are float32 sums even where the features are bfloat16.
    """
    layer = layers.GlobalAveragePooling2D if pooling == "avg" else layers.GlobalMaxPooling2D
    return layer(dtype="float32")(ops.cast(features, "float32"))


def normalise(vectors: Any) -> Any:
    """Divide each row of (N, C) float32 by its L2 norm; a row of zeros stays zeros, and is never NaN."""
    return layers.UnitNormalization(dtype="float32")(vectors)
