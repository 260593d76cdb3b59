"""The one definition of an encoder, in Keras 3: pictures in, unit vectors out.

It runs on every backend of Keras and in both data formats. Preprocessing, pooling and normalisation are inside, so that
whoever compiles it compiles all of it, and a client of it cannot get them wrong.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops
from keras.applications import imagenet_utils

from visop.errors import WeightsError
from visop.models.pooling import DEFAULT_P, mean_in_windows, normalise, pool, pool_descriptors
from visop.models.registry import ModelSpec, ServedPooling
from visop.models.windows import Windows


def build_backbone(spec: ModelSpec) -> Any:
    """Build the convolutional part, without weights worth anything.

    It is what weights files describe, such as ``keras.applications.NAME(include_top=False)``.
    """
    size = (spec.height, spec.width)
    shape = (3, *size) if _channels_first() else (*size, 3)
    module, _, function = spec.constructor.rpartition(":")
    if module:
        return getattr(importlib.import_module(module), function)(shape)
    constructor = getattr(keras.applications, function)
    backbone = constructor(include_top=False, weights=None, input_shape=shape)
    if any(isinstance(layer, layers.Reshape) for layer in backbone.layers):
        return keras.models.clone_model(backbone, clone_function=_without_reshape)
    return backbone


def build_encoder(
    spec: ModelSpec, backbone: Any, pooling: ServedPooling, rest: Mapping[str, npt.NDArray[np.float32]] | None = None
) -> Any:
    """Wrap a backbone into the whole encoder.

    Preprocessing -> backbone -> pooling -> head, if there is one -> L2 -> whitening and L2, if whitened. Descriptors
    are of the feature map itself: no head and no whitening, which were learnt for another pooling.

    Args:
        spec: the model.
        backbone: with its weights.
        pooling: of the feature map.
        rest: the tensors after the backbone, by their names in an encoder file.

    Returns:
        A Keras model from ``images``, (N, height, width, 3) uint8 RGB, to (N, dimension) float32 of unit length.

    Raises:
        WeightsError: head or whitening are for another number of channels.
    """
    rest = rest or {}
    images = keras.Input((spec.height, spec.width, 3), dtype="uint8", name="images")
    maps = backbone(_preprocess(images, spec))
    maps = maps if isinstance(maps, list) else [maps]
    if pooling == "descriptors":
        return keras.Model(images, pool_descriptors(maps), name=spec.name)
    vectors = pool(maps, pooling, float(rest.get("gem/p", DEFAULT_P)))
    return keras.Model(images, _after_pooling(vectors, rest), name=spec.name)


def build_window_encoder(
    spec: ModelSpec, backbone: Any, windows: Windows, rest: Mapping[str, npt.NDArray[np.float32]] | None = None
) -> Any:
    """Wrap a backbone into an encoder of windows, which sees the picture once; its pooling is ``gem``.

    Args:
        spec: the model, with the side of the windows as its height and width.
        backbone: with its weights.
        windows: of the picture.
        rest: as of ``build_encoder``.

    Returns:
        A Keras model from ``images``, (N, side, side, 3) uint8 RGB, to (N, windows, dimension) float32 of unit length.
    """
    rest = rest or {}
    images = keras.Input((spec.height, spec.width, 3), dtype="uint8", name="images")
    maps = backbone(_preprocess(images, spec))
    maps = maps if isinstance(maps, list) else [maps]
    vectors = mean_in_windows(maps, windows, float(rest.get("gem/p", DEFAULT_P)))
    return keras.Model(images, _after_pooling(vectors, rest), name=f"{spec.name}-windows")


def _after_pooling(vectors: Any, rest: Mapping[str, npt.NDArray[np.float32]]) -> Any:
    """(..., C) -> (..., dimension) of unit length."""
    vectors = normalise(_linear(vectors, "head", rest) if "head/kernel" in rest else vectors)
    return normalise(_linear(vectors, "whitening", rest)) if "whitening/kernel" in rest else vectors


def _linear(vectors: Any, name: str, rest: Mapping[str, npt.NDArray[np.float32]]) -> Any:
    kernel, bias = rest[f"{name}/kernel"], rest[f"{name}/bias"]
    if vectors.shape[-1] != len(kernel):
        raise WeightsError("", "", f"{name}/kernel is for {len(kernel)} channels, the model has {vectors.shape[-1]}")
    layer = layers.Dense(len(bias), dtype="float32", name=name)
    projected = layer(vectors)
    layer.set_weights([kernel, bias])
    return projected


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
