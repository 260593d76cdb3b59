"""Eight-bit convolutions for the CPU: half the time of bf16 where there are instructions for them, such as VNNI.

Post-training quantisation as in Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", section 2: weights by the largest of each filter (Krishnamoorthi 2018, "Quantizing
deep convolutional networks for efficient inference", section 3.1), activations by ranges that nearly all of them stay
in. Ranges are measured once, when an encoder file is made, and stand in it, so that every machine computes the same.
Everything but the convolutions stays in float32, and so does the first of them, which sees the pixels. The graph says
so with FakeQuantize operations, from which OpenVINO makes integer arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino import opset13 as operations
from openvino.passes import ConstantFolding, Manager

from visop.errors import WeightsError

_ACTIVATION_LEVELS = 256
_WEIGHT_LEVELS = 255  # symmetric: -127 to 127
_LEAST_RANGE = 1e-6  # of what is always 0

#: Layer -> (height, width, inputs, outputs) float32, as Keras has it.
Kernels = Mapping[str, npt.NDArray[np.float32]]

#: Layer -> (2,) float32: the lowest and the highest number among the inputs of its convolutions.
Ranges = Mapping[str, npt.NDArray[np.float32]]


def fold_constants(model: ov.Model) -> None:
    """Compute what does not depend on the input.

    Weights that several places of the graph share become each place's own, without which OpenVINO would not fuse
    convolution, bias and ReLU (measured: 5 % of the embedded encoder).
    """
    manager = Manager()
    manager.register_pass(ConstantFolding())
    manager.run_passes(model)
    model.validate_nodes_and_infer_types()


def quantise(model: ov.Model, kernels: Kernels, ranges: Ranges) -> None:
    """Make the convolutions of a model compute in eight bits; in place. Layers without a range stay as they are.

    Args:
        model: from (N, height, width, 3) uint8, its constants folded.
        kernels: by which the layers are found in the graph.
        ranges: of their inputs.

    Raises:
        WeightsError: there is no convolution for one of the ranges.
    """
    found = [(node, layer) for node, layer in _convolutions(model, kernels) if layer in ranges]
    if missing := ranges.keys() - {layer for _, layer in found}:
        raise WeightsError("", "", f"ranges/{min(missing)}: the model has no such convolution")
    # Several convolutions may read the same; with the same range they also read the same rounded numbers.
    rounded: dict[tuple[Any, ...], Any] = {}
    for convolution, layer in found:
        activations, weights = convolution.input(0), convolution.input(1)
        source, low_high = activations.get_source_output(), _aligned(*ranges[layer])
        key = (*_name(source), *low_high)
        if key not in rounded:
            rounded[key] = _rounded(source, *low_high, _ACTIVATION_LEVELS)
        activations.replace_source_output(rounded[key])
        largest = np.abs(weights.get_source_output().get_node().get_data()).max(axis=(1, 2, 3), keepdims=True)
        largest = np.maximum(largest, _LEAST_RANGE)
        weights.replace_source_output(_rounded(weights.get_source_output(), -largest, largest, _WEIGHT_LEVELS))
    model.validate_nodes_and_infer_types()


def measure_ranges(
    model: ov.Model, kernels: Kernels, pictures: Sequence[npt.NDArray[np.uint8]], percentile: float
) -> Ranges:
    """Measure what the convolutions see, all but those of pixels, in full precision.

    Args:
        model: from (N, height, width, 3) uint8, its constants folded.
        kernels: of all its convolutions.
        pictures: (height, width, 3) uint8 each.
        percentile: of the numbers of a picture that its range holds, such as 99.95.

    Returns:
        For each layer the range of all pictures, and of all places in the graph that it stands in.
    """
    model = model.clone()
    found = [(node, layer) for node, layer in _convolutions(model, kernels) if kernels[layer].shape[2] != 3]
    sources = {_name(node.input_value(0)): node.input_value(0) for node, _ in found}
    first = len(model.outputs)
    model.add_outputs(list(sources.values()))
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    bounds = {name: np.zeros(2, np.float32) for name in sources}
    for picture in pictures:
        results = compiled([picture[None]])
        for index, bound in enumerate(bounds.values()):
            low, high = np.percentile(results[first + index], (100 - percentile, percentile))
            bound[:] = min(bound[0], low), max(bound[1], high)
    ranges = {layer: np.zeros(2, np.float32) for _, layer in found}
    for node, layer in found:
        low, high = bounds[_name(node.input_value(0))]
        ranges[layer][:] = min(ranges[layer][0], low), max(ranges[layer][1], high)
    return ranges


def _name(maps: Any) -> tuple[str, int]:
    """Of an output of a node; several convolutions may read the same."""
    return maps.get_node().get_friendly_name(), maps.get_index()


def _convolutions(model: ov.Model, kernels: Kernels) -> Iterator[tuple[Any, str]]:
    """The convolutions with these kernels and their layers, in the order of the graph."""
    layers = {np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)).tobytes(): name for name, kernel in kernels.items()}
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Convolution":
            layer = layers.get(np.ascontiguousarray(node.input_value(1).get_node().get_data()).tobytes())
            if layer is not None:
                yield node, layer


def _aligned(low: float, high: float) -> tuple[np.float32, np.float32]:
    """Move the bounds such that 0, which is what borders are filled with, is one of the levels."""
    step = max((high - low) / (_ACTIVATION_LEVELS - 1), _LEAST_RANGE)
    below = np.ceil(-low / step)
    return np.float32(-below * step), np.float32((_ACTIVATION_LEVELS - 1 - below) * step)


def _rounded(values: Any, low: Any, high: Any, levels: int) -> Any:
    bounds = [operations.constant(np.asarray(bound, np.float32)) for bound in (low, high)]
    return operations.fake_quantize(values, *bounds, *bounds, levels).output(0)
