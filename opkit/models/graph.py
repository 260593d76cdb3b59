"""The one definition of an encoder, in Keras 3: pictures in, unit vectors out.

It runs on every backend of Keras and in both data formats. Preprocessing, pooling and normalisation are inside, so that
whoever compiles it compiles all of it, and a client of it cannot get them wrong.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops
from keras.applications import imagenet_utils

from opkit.models.pooling import normalise, pool
from opkit.models.registry import ModelSpec, Pooling


def build_backbone(spec: ModelSpec) -> Any:
    """Build the convolutional part, without weights worth anything.

    It is what weights files describe: ``keras.applications.NAME(include_top=False)``.
    """
    size = (spec.height, spec.width)
    shape = (3, *size) if _channels_first() else (*size, 3)
    constructor = getattr(keras.applications, spec.constructor)
    backbone = constructor(include_top=False, weights=None, input_shape=shape)
    if any(isinstance(layer, layers.Reshape) for layer in backbone.layers):
        return keras.models.clone_model(backbone, clone_function=_without_reshape)
    return backbone


def build_encoder(spec: ModelSpec, backbone: Any, pooling: Pooling) -> Any:
    """Wrap a backbone into the whole encoder.

    Returns:
        A Keras model from ``images``, (N, height, width, 3) uint8 RGB, to (N, dimension) float32 of unit length.
    """
    images = keras.Input((spec.height, spec.width, 3), dtype="uint8", name="images")
    return keras.Model(images, normalise(pool(backbone(_preprocess(images, spec)), pooling)), name=spec.name)


def _preprocess(images: Any, spec: ModelSpec) -> Any:
    # Bytes are transposed before they become floats: a quarter of the memory traffic.
    pixels = ops.cast(ops.transpose(images, (0, 3, 1, 2)) if _channels_first() else images, "float32")
    if spec.preprocessing == "included":
        return pixels
    return imagenet_utils.preprocess_input(pixels, mode=spec.preprocessing)


def _channels_first() -> bool:
    return bool(keras.config.image_data_format() == "channels_first")


def _without_reshape(layer: Any) -> Any:
    """Rebuild a layer, or the same without a Reshape.

    EfficientNet pools and then reshapes to (N, 1, 1, C). Keras's OpenVINO backend fixes N at 1 in a Reshape, so here
    the pooling keeps its dimensions instead.
    """
    if isinstance(layer, layers.GlobalAveragePooling2D):
        return layers.GlobalAveragePooling2D(keepdims=True, name=layer.name)
    if isinstance(layer, layers.Reshape):
        return layers.Identity(name=layer.name)
    return layer.__class__.from_config(layer.get_config())
