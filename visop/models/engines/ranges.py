"""Eight-bit convolutions for the CPU: half the time of bf16 where there are instructions for them, such as VNNI.

Post-training quantisation as in Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", section 2, with ranges from pictures that are generated for it: weights by the
largest of each filter (Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference", section
3.1), activations by what nearly all of them stay below. Everything but the convolutions stays in float32, and so does
the first of them, which sees the pixels. The graph says so with FakeQuantize operations, from which OpenVINO makes
integer arithmetic; the same pictures, and so the same ranges, are made on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
from openvino import opset13 as operations
from openvino.passes import ConstantFolding, Manager

from visop.images.decode import resize_image
from visop.models.registry import ModelSpec
from visop.synthetic.generate import SERIES, generate_picture

# Ranges are the largest of all pictures' percentiles. Measured once, by hand, for edited photographs and an earlier
# state of the embedded encoder, mean centred cosine with f32: 0.9954 with maxima, 0.9976 with the 99.95th; 0.9945 with
# the 99.6th of 32 pictures. Recall hardly differs: 0.928 with the 99.95th, 0.927 with the 99.99th.
_PERCENTILE = 99.95
_PICTURES = 64

_ACTIVATION_LEVELS = 256
_WEIGHT_LEVELS = 255  # symmetric: -127 to 127
_LEAST_RANGE = 1e-6  # of what is always 0


def fold_constants(model: ov.Model) -> None:
    """Compute what does not depend on the input.

    Weights that several places of the graph share become each place's own, without which OpenVINO would not fuse
    convolution, bias and ReLU (measured: 5 % of the embedded encoder).
    """
    manager = Manager()
    manager.register_pass(ConstantFolding())
    manager.run_passes(model)
    model.validate_nodes_and_infer_types()


def quantise(model: ov.Model, pictures: Sequence[npt.NDArray[np.uint8]]) -> None:
    """Make the convolutions of a model compute in eight bits; in place.

    Args:
        model: from (N, height, width, 3) uint8, its constants folded.
        pictures: (height, width, 3) uint8 each, from which the ranges of activations are taken.
    """
    ranges = _ranges(model, pictures)
    convolutions = _convolutions(model)
    seen = {_name(convolution.input_value(0)): convolution.input_value(0) for convolution in convolutions}
    rounded = {name: _rounded(maps, *ranges[name], _ACTIVATION_LEVELS) for name, maps in seen.items()}
    for convolution in convolutions:
        activations, weights = convolution.input(0), convolution.input(1)
        activations.replace_source_output(rounded[_name(activations.get_source_output())])
        largest = np.abs(weights.get_source_output().get_node().get_data()).max(axis=(1, 2, 3), keepdims=True)
        largest = np.maximum(largest, _LEAST_RANGE)
        weights.replace_source_output(_rounded(weights.get_source_output(), -largest, largest, _WEIGHT_LEVELS))
    model.validate_nodes_and_infer_types()


def calibration_pictures(spec: ModelSpec) -> list[npt.NDArray[np.uint8]]:
    """Generate the pictures from which ranges are taken, (height, width, 3) uint8 each; always the same."""
    # One of each series: pictures of a series are alike.
    found = (generate_picture(index * SERIES) for index in range(_PICTURES))
    return [resize_image(picture, spec.height, spec.width, "bilinear") for picture in found]


def _convolutions(model: ov.Model) -> list[Any]:
    """Those that are quantised, in the order of the graph."""
    return [
        node
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Convolution" and node.input_value(1).get_partial_shape()[1].get_length() != 3
    ]


def _name(maps: Any) -> tuple[str, int]:
    """Of an output of a node; several convolutions may read the same."""
    return maps.get_node().get_friendly_name(), maps.get_index()


def _ranges(model: ov.Model, pictures: Sequence[npt.NDArray[np.uint8]]) -> dict[tuple[str, int], tuple[Any, Any]]:
    """What convolutions see, lowest and highest, float32, by name."""
    model = model.clone()
    seen = {_name(convolution.input_value(0)): convolution.input_value(0) for convolution in _convolutions(model)}
    first = len(model.outputs)
    model.add_outputs(list(seen.values()))
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    bounds = np.zeros((len(seen), 2), np.float32)
    for picture in pictures:
        results = compiled([picture[None]])
        for index, bound in enumerate(bounds):
            low, high = np.percentile(results[first + index], (100 - _PERCENTILE, _PERCENTILE))
            bound[:] = min(bound[0], low), max(bound[1], high)
    return {name: _aligned(low, high) for name, (low, high) in zip(seen, bounds, strict=True)}


def _aligned(low: float, high: float) -> tuple[np.float32, np.float32]:
    """Move the bounds such that 0, which is what borders are filled with, is one of the levels."""
    step = max((high - low) / (_ACTIVATION_LEVELS - 1), _LEAST_RANGE)
    below = np.ceil(-low / step)
    return np.float32(-below * step), np.float32((_ACTIVATION_LEVELS - 1 - below) * step)


def _rounded(values: Any, low: Any, high: Any, levels: int) -> Any:
    bounds = [operations.constant(np.asarray(bound, np.float32)) for bound in (low, high)]
    return operations.fake_quantize(values, *bounds, *bounds, levels).output(0)
