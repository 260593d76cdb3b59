"""The layers of SSD-300 on VGG-16, and where its 8,732 priors stand (Liu et al. 2016, section 3.1 and figure 2).

Plain facts, which the graph and the readers of weights follow. Imports no runtime.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from visop.processors.ssd.priors import PriorMap

#: Pixels along a side of what the network looks at.
SIDE = 300


@dataclass(frozen=True)
class Convolution:
    """A convolution with ReLU.

    Attributes:
        name: as in the paper.
        channels: of its outputs.
        side: of its kernel.
        stride: in both directions.
        edge: ``same``, ``valid``, or ``one`` pixel of zeros on every side.
        dilation: of its kernel.
    """

    name: str
    channels: int
    side: int = 3
    stride: int = 1
    edge: Literal["same", "valid", "one"] = "same"
    dilation: int = 1


@dataclass(frozen=True)
class MaxPooling:
    """The maximum of squares of pixels; at the edge of fewer."""

    side: int = 2
    stride: int = 2


@dataclass(frozen=True)
class Predicted:
    """What is predicted from the maps at this place, and goes on unchanged.

    Attributes:
        priors: of this map.
        normalised: whether the predictions see it with each pixel's channels scaled to the length that was learned.
    """

    priors: PriorMap
    normalised: bool = False


_FEW, _MANY = (2.0, 1 / 2), (2.0, 1 / 2, 3.0, 1 / 3)

#: Scales are 21, 45, 99, 153, 207, 261 and 315 pixels, steps 8, 16, 32, 64, 100 and 300.
LAYERS: tuple[Convolution | MaxPooling | Predicted, ...] = (
    Convolution("conv1_1", 64),
    Convolution("conv1_2", 64),
    MaxPooling(),
    Convolution("conv2_1", 128),
    Convolution("conv2_2", 128),
    MaxPooling(),
    Convolution("conv3_1", 256),
    Convolution("conv3_2", 256),
    Convolution("conv3_3", 256),
    MaxPooling(),
    Convolution("conv4_1", 512),
    Convolution("conv4_2", 512),
    Convolution("conv4_3", 512),
    Predicted(PriorMap((38, 38), 0.07, 0.15, _FEW, 8 / SIDE), normalised=True),
    MaxPooling(),
    Convolution("conv5_1", 512),
    Convolution("conv5_2", 512),
    Convolution("conv5_3", 512),
    MaxPooling(3, 1),
    Convolution("conv6", 1024, dilation=6),
    Convolution("conv7", 1024, 1),
    Predicted(PriorMap((19, 19), 0.15, 0.33, _MANY, 16 / SIDE)),
    Convolution("conv8_1", 256, 1),
    Convolution("conv8_2", 512, stride=2, edge="one"),
    Predicted(PriorMap((10, 10), 0.33, 0.51, _MANY, 32 / SIDE)),
    Convolution("conv9_1", 128, 1),
    Convolution("conv9_2", 256, stride=2, edge="one"),
    Predicted(PriorMap((5, 5), 0.51, 0.69, _MANY, 64 / SIDE)),
    Convolution("conv10_1", 128, 1),
    Convolution("conv10_2", 256, edge="valid"),
    Predicted(PriorMap((3, 3), 0.69, 0.87, _FEW, 100 / SIDE)),
    Convolution("conv11_1", 128, 1),
    Convolution("conv11_2", 256, edge="valid"),
    Predicted(PriorMap((1, 1), 0.87, 1.05, _FEW, 1.0)),
)

#: Of the maps in their order.
SSD300_MAPS = tuple(layer.priors for layer in LAYERS if isinstance(layer, Predicted))


def tensor_shapes(classes: int, divisor: int = 1) -> dict[str, tuple[int, ...]]:
    """The tensors of a network by name: kernels (height, width, inputs, outputs), biases, and the lengths learned.

    Args:
        classes: with the background.
        divisor: of the paper's numbers of channels, for a network that is narrower everywhere.
    """
    return dict(_tensors(classes, divisor))


def _tensors(classes: int, divisor: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    inputs, number = 3, 0
    for layer in LAYERS:
        if isinstance(layer, Convolution):
            outputs = layer.channels // divisor
            yield from _convolution(layer.name, layer.side, inputs, outputs)
            inputs = outputs
        elif isinstance(layer, Predicted):
            number += 1
            if layer.normalised:
                yield f"norm{number}/scale", (inputs,)
            yield from _convolution(f"boxes{number}", 3, inputs, layer.priors.per_cell * 4)
            yield from _convolution(f"classes{number}", 3, inputs, layer.priors.per_cell * classes)


def _convolution(name: str, side: int, inputs: int, outputs: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}/kernel", (side, side, inputs, outputs)
    yield f"{name}/bias", (outputs,)
