"""The network of the embedded encoder: a small VGG whose filters come in eight orientations.

The kinds of layer are those of VGG (Simonyan & Zisserman 2015): 3x3 convolutions, ReLU, 2x2 max pooling. What is new is
how the filters are tied: each stands there in all four quarter turns, mirrored and not, and takes its input from the
orientations of the layer before accordingly (group-equivariant convolutions over p4m, Cohen & Welling 2016). Turning or
mirroring the picture then only turns the maps and permutes their channels; pooling over places and orientations takes
that away, so that the descriptor of a picture and of its quarter turns and mirror images is the same by construction,
and training spends nothing on learning it.

The same filters see every picture three times, as it is, at half and at a quarter of the size, and the maps are pooled
together: what a cut made twice or four times as large is found in another map.

Channels stand in groups of one orientation each, all fields of the first, then all of the second: the strongest
orientation is then the maximum of eight blocks, which is ten times cheaper than that of eight neighbours.

Training knows the tied form (``EquivariantConv``); what is saved and served is the same network written out, with
ordinary convolutions (``build_small_vgg``).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

ORIENTATIONS = 8


@dataclass(frozen=True)
class Stage:
    """One convolution.

    Attributes:
        name: of the layer.
        fields: the number of filters; each yields ``ORIENTATIONS`` channels.
        kernel: its side in pixels.
        stride: 1, or 2 with an even kernel: an odd one on an even map would not see it alike from all sides.
        pooled: whether a 2x2 max pooling follows.
    """

    name: str
    fields: int
    kernel: int = 3
    stride: int = 1
    pooled: bool = False


STAGES = (
    Stage("conv1", 4, kernel=4, stride=2),
    Stage("conv2", 4, pooled=True),
    Stage("conv3", 8),
    Stage("conv4", 8, pooled=True),
    Stage("conv5", 16),
    Stage("conv6", 16, pooled=True),
    Stage("conv7", 32),
    Stage("conv8", 32),
    Stage("conv9", 256, kernel=1),
)


class Standardise(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Take the mean of each picture from it and divide by its deviation, over all places and channels.

    A picture that was made brighter, darker, or harder by as much everywhere is the same again, up to what saturated.
    """

    def call(self, pixels: Any) -> Any:
        """(N, ...) pixels from 0 to 255 -> the same shape, of mean 0 and deviation near 1; even pictures become 0."""
        axes = (1, 2, 3)
        pixels = ops.cast(pixels, "float32") / 255
        centred = pixels - ops.mean(pixels, axis=axes, keepdims=True)
        # The floor keeps the noise of an even picture from being blown up.
        return centred / ops.sqrt(ops.mean(ops.square(centred), axis=axes, keepdims=True) + 1e-3)


class Half(layers.Layer):  # type: ignore[misc]
    """Make pictures half as high and wide: each pixel is the mean of four.

    As an interpolation, which halfway between pixels is just that: OpenVINO would move three channels into blocks of
    sixteen to pool them, which cost a fifth of the whole encoder.
    """

    def call(self, image: Any) -> Any:
        """(N, H, W, C) of even sides -> (N, H / 2, W / 2, C); channels first likewise."""
        first = keras.config.image_data_format() == "channels_first"
        height, width = image.shape[2:4] if first else image.shape[1:3]
        return ops.image.resize(image, (height // 2, width // 2), "bilinear", antialias=False)


class BestOrientation(layers.Layer):  # type: ignore[misc]
    """Keep the strongest of the orientations of each field: what is left does not know which way up the picture is."""

    def call(self, maps: Any) -> Any:
        """(N, H, W, 8 x fields) -> (N, H, W, fields); channels first likewise."""
        channels = 1 if keras.config.image_data_format() == "channels_first" else 3
        return functools.reduce(ops.maximum, ops.split(maps, ORIENTATIONS, axis=channels))


class EquivariantConv(layers.Layer):  # type: ignore[misc]
    """A convolution with tied, standardised filters, as it is trained.

    Filters have mean 0 and a fixed norm times a learnt gain (scaled weight standardisation, Brock et al. 2021,
    "Characterizing signal propagation to close the performance gap in unnormalized ResNets", eq. 1): what batch
    normalisation does for training, at none of its cost, which was 40 % of a step on CPU.
    """

    def __init__(self, stage: Stage, **kwargs: Any) -> None:
        super().__init__(name=stage.name, **kwargs)
        self._stage = stage

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights; the first layer takes colours, the others (orientations x fields)."""
        channels = input_shape[-1] or 0
        side, fields = self._stage.kernel, self._stage.fields
        inner = (1, channels) if channels == 3 else (ORIENTATIONS, channels // ORIENTATIONS)
        self._index = orbit_index(side, *inner, fields)
        self.kernel = self.add_weight(shape=(side, side, *inner, fields), initializer="random_normal", name="kernel")
        self.gain = self.add_weight(shape=(fields,), initializer="ones", name="gain")
        self.bias = self.add_weight(shape=(fields,), initializer="zeros", name="bias")

    def call(self, maps: Any) -> Any:
        """(N, H, W, C) -> (N, H / stride, W / stride, 8 x fields), after ReLU."""
        kernel, bias = self.written_out()
        kernel, bias = (ops.cast(each, self.compute_dtype) for each in (kernel, bias))
        # The layout is said, so that what a person's keras.json says does not matter here.
        maps = ops.conv(maps, kernel, strides=self._stage.stride, padding="same", data_format="channels_last")
        return ops.relu(maps + bias)

    def written_out(self) -> tuple[Any, Any]:
        """The kernel (side, side, C, 8 x fields) and bias (8 x fields) of the ordinary convolution that this is."""
        axes = (0, 1, 2, 3)
        kernel = self.kernel - ops.mean(self.kernel, axis=axes, keepdims=True)
        norm = ops.sqrt(ops.sum(ops.square(kernel), axis=axes, keepdims=True) + 1e-8)
        kernel = kernel / norm * (_RELU_GAIN * self.gain)
        return ops.take(ops.reshape(kernel, (-1,)), self._index), ops.tile(self.bias, ORIENTATIONS)


# What keeps the variance through a ReLU whose input is standard normal: 1 / sqrt((1 - 1 / pi) / 2), Brock et al. 2021.
_RELU_GAIN = float(np.sqrt(2 / (1 - 1 / np.pi)))


def orbit_index(side: int, orientations: int, channels: int, fields: int) -> npt.NDArray[np.int32]:
    """Where each value of the written-out kernel stands in the tied one, flattened.

    Args:
        side: of the kernel.
        orientations: of the input: 1 for a picture, 8 behind a tied layer.
        channels: of the input, per orientation.
        fields: of the output.

    Returns:
        (side, side, orientations x channels, 8 x fields) int32.
    """
    tied = np.arange(side * side * orientations * channels * fields, dtype=np.int32)
    tied = tied.reshape(side, side, orientations, channels, fields)
    oriented = np.stack([_orient(tied, element) for element in range(ORIENTATIONS)], axis=4)
    return oriented.reshape(side, side, orientations * channels, ORIENTATIONS * fields)


def _orient(tied: npt.NDArray[np.int32], element: int) -> npt.NDArray[np.int32]:
    """A filter as the group's element moves it: in the plane, and among the orientations that it reads."""
    moved = _move(tied, element)
    if tied.shape[2] == 1:
        return moved
    inverse = next(each for each in range(ORIENTATIONS) if _PRODUCT[each][element] == 0)
    return moved[:, :, [_PRODUCT[inverse][each] for each in range(ORIENTATIONS)]]


def _move(planes: npt.NDArray[np.int32], element: int) -> npt.NDArray[np.int32]:
    """Elements 0 to 3 are quarter turns; 4 to 7 mirror first."""
    mirrored = planes[:, ::-1] if element >= 4 else planes
    return np.rot90(mirrored, element % 4)


def _product_table() -> list[list[int]]:
    """[a][b] is the element that moves like b and then a."""
    probe = np.arange(4, dtype=np.int32).reshape(2, 2)
    seen = [_move(probe, element).tolist() for element in range(ORIENTATIONS)]
    return [[seen.index(_move(_move(probe, b), a).tolist()) for b in range(ORIENTATIONS)] for a in range(ORIENTATIONS)]


_PRODUCT = _product_table()


def build_small_vgg(input_shape: tuple[int, int, int]) -> Any:
    """Build the network as it is served, without weights worth anything.

    Args:
        input_shape: (H, W, 3), or (3, H, W) where Keras is set to channels first; H and W multiples of 64.

    Returns:
        A Keras model from pixels, (N, H, W, 3) from 0 to 255, to three maps (N, H / 16, W / 16, 256) float, of the
        picture, and as much smaller of it at half and at a quarter of the size; channels first likewise.
    """
    return _assemble(input_shape, _plain)


def build_tied_vgg(input_shape: tuple[int, int, int]) -> Any:
    """Build the same network as it is trained; channels last only."""
    return _assemble(input_shape, EquivariantConv)


def _assemble(input_shape: tuple[int, int, int], convolution: Any) -> Any:
    if any(side % 64 for side in input_shape if side != 3):
        raise ValueError(f"the sides of the input must be multiples of 64, not {input_shape}")
    network = [layer for stage in STAGES for layer in _layers(stage, convolution)]
    network.append(BestOrientation(name="orientations"))
    pixels = keras.Input(input_shape, name="pixels")
    image = Standardise(dtype="float32", name="standardise")(pixels)
    maps = [_run(network, image)]
    for factor in (2, 4):
        image = Half(name=f"smaller_{factor}")(image)
        maps.append(_run(network, image))
    return keras.Model(pixels, maps, name="small_vgg")


def _layers(stage: Stage, convolution: Any) -> list[Any]:
    pooling = [layers.MaxPooling2D(name=f"{stage.name}_pool")] if stage.pooled else []
    return [convolution(stage), *pooling]


def _run(network: list[Any], maps: Any) -> Any:
    for layer in network:
        maps = layer(maps)
    return maps


def _plain(stage: Stage) -> Any:
    return layers.Conv2D(
        stage.fields * ORIENTATIONS, stage.kernel, stage.stride, "same", activation="relu", name=stage.name
    )


def written_out(tied: Any) -> dict[str, npt.NDArray[np.float32]]:
    """The weights of ``build_small_vgg`` from a trained ``build_tied_vgg``, by ``layer/weight``."""
    tensors = {}
    for stage in STAGES:
        kernel, bias = tied.get_layer(stage.name).written_out()
        tensors[f"{stage.name}/kernel"] = ops.convert_to_numpy(kernel).astype(np.float32)
        tensors[f"{stage.name}/bias"] = ops.convert_to_numpy(bias).astype(np.float32)
    return tensors


def tie(tied: Any, tensors: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Fill ``build_tied_vgg`` from the weights of ``build_small_vgg``, by ``layer/weight``: to train further."""
    for stage in STAGES:
        layer, kernel = tied.get_layer(stage.name), tensors[f"{stage.name}/kernel"]
        own = kernel[..., : stage.fields].reshape(layer.kernel.shape)  # the first orientation is the filter itself
        layer.kernel.assign(own)
        layer.gain.assign(np.sqrt(np.sum(np.square(own), axis=(0, 1, 2, 3))) / _RELU_GAIN)
        layer.bias.assign(tensors[f"{stage.name}/bias"][: stage.fields])
