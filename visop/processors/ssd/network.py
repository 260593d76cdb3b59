"""The graph of SSD-300 in Keras 3, of any backend and in both data formats: pixels in, offsets and classes out."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from visop.errors import WeightsError
from visop.processors.boxes import Floats
from visop.processors.ssd.layout import LAYERS, SIDE, Convolution, MaxPooling, Predicted

Arrays = dict[str, Floats]


class ScaledLength(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Each pixel's channels scaled to length one, then each channel by a number that is learned (Liu et al. 2015).

    Args:
        least_square: a smaller square of the length counts as this.
    """

    def __init__(self, least_square: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least_square = least_square

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Begin with 20, as the paper does."""
        channels = input_shape[_channel_axis()]
        self.scale = self.add_weight(name="scale", shape=(channels,), initializer=keras.initializers.Constant(20.0))

    def call(self, maps: Any) -> Any:
        """Keep the shape."""
        square = ops.sum(ops.square(maps), axis=_channel_axis(), keepdims=True)
        scale = ops.reshape(self.scale, (1, -1, 1, 1)) if channels_first() else self.scale
        return maps / ops.sqrt(ops.maximum(square, self.least_square)) * scale


def build_ssd300(
    classes: int,
    *,
    means: tuple[float, float, float],
    divisor: int = 1,
    least_square: float = 1e-12,
    softmax: bool = True,
) -> Any:
    """Build the network, without weights worth anything.

    Args:
        classes: with the background, which is the first.
        means: of red, green and blue, 0 to 255, which are subtracted.
        divisor: as of ``layout.tensor_shapes``.
        least_square: of ``ScaledLength``.
        softmax: whether classes are probabilities, or, for training, their logits.

    Returns:
        A Keras model from ``pixels``, (N, 300, 300, 3) float32 RGB, 0 to 255, to (N, 8732, 4 + classes): for each prior
        of ``SSD300_MAPS`` the offsets of its box, and its classes. Its layers are named as in ``layout.tensor_shapes``.
    """
    pixels = keras.Input((SIDE, SIDE, 3), dtype="float32", name="pixels")
    maps = pixels - ops.reshape(ops.convert_to_tensor(means, "float32"), (1, 1, 1, 3))
    maps = ops.transpose(maps, (0, 3, 1, 2)) if channels_first() else maps
    boxes: list[Any] = []
    scores: list[Any] = []
    for layer in LAYERS:
        if isinstance(layer, Predicted):
            number, per_cell = len(boxes) + 1, layer.priors.per_cell
            seen = ScaledLength(least_square, name=f"norm{number}")(maps) if layer.normalised else maps
            boxes.append(predictions(f"boxes{number}", seen, per_cell, 4))
            scores.append(predictions(f"classes{number}", seen, per_cell, classes))
        else:
            maps = _applied(layer, maps, divisor)
    together = ops.concatenate(scores, axis=1)
    together = ops.softmax(together, axis=-1) if softmax else together
    outputs = ops.concatenate([ops.concatenate(boxes, axis=1), together], axis=-1)
    return keras.Model(pixels, outputs, name="ssd300")


def set_tensors(model: Any, tensors: Arrays) -> None:
    """Give a network its weights, by the names of ``layout.tensor_shapes``.

    Raises:
        WeightsError: they are of another network.
    """
    found = {name: each.shape for name, each in tensors.items()}
    needed = {name: each.shape for name, each in get_tensors(model).items()}
    if found != needed:
        name = min(name for name in found | needed if found.get(name) != needed.get(name))
        given = f"{name} has shape {found.get(name)}, that of the network is {needed.get(name)}"
        raise WeightsError("", "", f"the weights do not fit {model.name}: {given}")
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([tensors[f"{layer.name}/{weight.name}"] for weight in layer.weights])


def get_tensors(model: Any) -> Arrays:
    """The weights of a network by name."""
    return {
        f"{layer.name}/{weight.name}": array
        for layer in model.layers
        for weight, array in zip(layer.weights, layer.get_weights(), strict=True)
    }


def _applied(layer: Convolution | MaxPooling, maps: Any, divisor: int) -> Any:
    if isinstance(layer, MaxPooling):
        return layers.MaxPooling2D(layer.side, layer.stride, "same")(maps)
    if layer.edge == "one":
        maps = layers.ZeroPadding2D(1)(maps)
    convolution = layers.Conv2D(
        layer.channels // divisor,
        layer.side,
        layer.stride,
        "same" if layer.edge == "same" else "valid",
        dilation_rate=layer.dilation,
        activation="relu",
        name=layer.name,
    )
    return convolution(maps)


def predictions(name: str, maps: Any, per_cell: int, numbers: int) -> Any:
    """(N, priors of the map, numbers): cell by cell, as ``prior_boxes`` has them."""
    predicted = layers.Conv2D(per_cell * numbers, 3, padding="same", name=name)(maps)
    predicted = ops.transpose(predicted, (0, 2, 3, 1)) if channels_first() else predicted
    _, rows, columns, _ = predicted.shape
    return ops.reshape(predicted, (-1, rows * columns * per_cell, numbers))


def channels_first() -> bool:
    """Whether maps are (N, channels, rows, columns)."""
    return bool(keras.config.image_data_format() == "channels_first")


def _channel_axis() -> int:
    return 1 if channels_first() else -1
