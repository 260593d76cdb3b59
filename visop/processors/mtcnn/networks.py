"""The three networks in Keras 3 (Zhang et al. 2016, figure 2), with bytes in and all outputs side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from visop.processors.mtcnn.pyramid import TILE
from visop.processors.mtcnn.weights import Arrays

_Rest = Iterator[npt.NDArray[np.float32]]

# Pixels are brought to -1..1.
_MIDDLE, _SCALE = 127.5, 1 / 128


def build_p_net(weights: Arrays) -> Any:
    """Proposals, of windows of 12 x 12 at every second pixel.

    Returns:
        A Keras model from (N, TILE, TILE, 3) uint8 RGB to (N, 6, rows, columns): corrections of the left, upper, right
        and lower edge in shares of the window, and the probabilities of no face and of a face.
    """
    images, rest = keras.Input((TILE, TILE, 3), dtype="uint8", name="images"), iter(weights)
    maps = layers.MaxPooling2D(2, 2, "same")(_convolution(_pixels(images), 10, 3, rest))
    maps = _convolution(_convolution(maps, 16, 3, rest), 32, 3, rest)
    edges = _applied(layers.Conv2D(4, 1), maps, rest)
    classes = layers.Softmax(1)(_applied(layers.Conv2D(2, 1), maps, rest))
    return keras.Model(images, layers.Concatenate(1)([edges, classes]))


def build_r_net(weights: Arrays) -> Any:
    """Refined proposals: from (N, 24, 24, 3) float32 RGB, 0 to 255, to (N, 6, 1, 1) as of ``build_p_net``."""
    images, rest = keras.Input((24, 24, 3), name="images"), iter(weights)
    maps = layers.MaxPooling2D(3, 2, "same")(_convolution(_pixels(images), 28, 3, rest))
    maps = layers.MaxPooling2D(3, 2, "valid")(_convolution(maps, 48, 3, rest))
    maps = _whole(_convolution(maps, 64, 2, rest), 128, rest)
    edges = _whole(maps, 4, rest, slope=False)
    classes = layers.Softmax(1)(_whole(maps, 2, rest, slope=False))
    return keras.Model(images, layers.Concatenate(1)([edges, classes]))


def build_o_net(weights: Arrays) -> Any:
    """Faces and five points: from (N, 48, 48, 3) float32 RGB, 0 to 255.

    Returns:
        A Keras model to (N, 16, 1, 1): corrections of the edges, x of the points, y of the points, probabilities.
    """
    images, rest = keras.Input((48, 48, 3), name="images"), iter(weights)
    maps = layers.MaxPooling2D(3, 2, "same")(_convolution(_pixels(images), 32, 3, rest))
    maps = layers.MaxPooling2D(3, 2, "valid")(_convolution(maps, 64, 3, rest))
    maps = layers.MaxPooling2D(2, 2, "same")(_convolution(maps, 64, 3, rest))
    maps = _whole(_convolution(maps, 128, 2, rest), 256, rest)
    edges, points = _whole(maps, 4, rest, slope=False), _whole(maps, 10, rest, slope=False)
    classes = layers.Softmax(1)(_whole(maps, 2, rest, slope=False))
    return keras.Model(images, layers.Concatenate(1)([edges, points, classes]))


def _pixels(images: Any) -> Any:
    return (ops.cast(ops.transpose(images, (0, 3, 1, 2)), "float32") - _MIDDLE) * _SCALE


def _convolution(maps: Any, channels: int, side: int, rest: _Rest) -> Any:
    return _applied(layers.PReLU(shared_axes=[2, 3]), _applied(layers.Conv2D(channels, side), maps, rest), rest)


def _whole(maps: Any, count: int, rest: _Rest, *, slope: bool = True) -> Any:
    """A fully connected layer, as a convolution over everything: Keras's OpenVINO backend cannot flatten a batch."""
    _, channels, height, width = maps.shape
    kernel = next(rest).reshape(width, height, channels, count)  # column by column: they come from Matlab
    layer = layers.Conv2D(count, (height, width))
    outputs = layer(maps)
    layer.set_weights([kernel.transpose(1, 0, 2, 3), next(rest)])
    return _applied(layers.PReLU(shared_axes=[2, 3]), outputs, rest) if slope else outputs


def _applied(layer: Any, maps: Any, rest: _Rest) -> Any:
    """A layer with the next of the weights."""
    outputs = layer(maps)
    layer.set_weights([next(rest).reshape(each.shape) for each in layer.weights])
    return outputs
