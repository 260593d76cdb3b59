"""What the published files call the tensors of SSD-300, and how their axes lie."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from visop.processors.boxes import Floats

_TF1 = "ssd_300_vgg"

# In TensorFlow 1 predictions are named after the block of layers whose maps they see.
_BLOCKS = (4, 7, 8, 9, 10, 11)

# In torchvision layers are named by their place in a sequence of convolutions, ReLU and pooling.
_TORCH = {
    **dict(
        zip(
            (
                "conv1_1",
                "conv1_2",
                "conv2_1",
                "conv2_2",
                "conv3_1",
                "conv3_2",
                "conv3_3",
                "conv4_1",
                "conv4_2",
                "conv4_3",
            ),
            (f"backbone.features.{place}" for place in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21)),
            strict=True,
        )
    ),
    **{f"conv5_{each}": f"backbone.extra.0.{2 * each - 1}" for each in (1, 2, 3)},
    "conv6": "backbone.extra.0.7.1",
    "conv7": "backbone.extra.0.7.3",
    **{
        f"conv{block}_{each}": f"backbone.extra.{block - 7}.{2 * each - 2}"
        for block in (8, 9, 10, 11)
        for each in (1, 2)
    },
    **{f"boxes{number}": f"head.regression_head.module_list.{number - 1}" for number in range(1, 7)},
    **{f"classes{number}": f"head.classification_head.module_list.{number - 1}" for number in range(1, 7)},
}


def tf1_name(name: str) -> str:
    """What the checkpoint calls a tensor of ``layout.tensor_shapes``; shapes and axes are the same."""
    layer, _, kind = name.partition("/")
    if kind == "scale":
        return f"{_TF1}/block4_box/L2Normalization/gamma"
    return f"{_TF1}/{_tf1_layer(layer)}/{'weights' if kind == 'kernel' else 'biases'}"


def torch_name(name: str) -> str:
    """What torchvision calls a tensor of ``layout.tensor_shapes``."""
    layer, _, kind = name.partition("/")
    if kind == "scale":
        return "backbone.scale_weight"
    return f"{_TORCH[layer]}.{'weight' if kind == 'kernel' else 'bias'}"


def torch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape there: kernels are (outputs, inputs, height, width)."""
    return (shape[3], shape[2], shape[0], shape[1]) if len(shape) == 4 else shape


def from_torch(tensors: Mapping[str, Floats], names: list[str]) -> dict[str, Floats]:
    """Those tensors by the names here, and with the axes of here."""
    found = {name: tensors[torch_name(name)] for name in names}
    return {
        name: np.ascontiguousarray(each.transpose(2, 3, 1, 0)) if each.ndim == 4 else each
        for name, each in found.items()
    }


def _tf1_layer(layer: str) -> str:
    for kind, there in (("boxes", "conv_loc"), ("classes", "conv_cls")):
        if layer.startswith(kind):
            return f"block{_BLOCKS[int(layer.removeprefix(kind)) - 1]}_box/{there}"
    block, _, each = layer.removeprefix("conv").partition("_")
    if not each:
        return layer
    if int(block) > 7:
        return f"block{block}/{'conv1x1' if each == '1' else 'conv3x3'}"
    return f"conv{block}/{layer}"
