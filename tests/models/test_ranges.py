from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as operations

from tests.models.conftest import needs
from visop.errors import WeightsError
from visop.models.engines.ranges import Ranges, fold_constants, measure_ranges, quantise
from visop.models.export import MODEL_FILE, export_in_subprocess
from visop.models.registry import MODELS
from visop.models.weights import find_weights

SPEC = MODELS["embedded"]
CHANNELS = 4
pytestmark = needs("int8")


def network(kernel: np.ndarray, *, relu: bool) -> ov.Model:
    """Pixels -> 1x1 convolution to differences of colours, with or without ReLU -> 3x3 convolution."""
    pixels = operations.parameter([-1, 16, 16, 3], np.uint8)
    planes = operations.transpose(operations.convert(pixels, np.float32), operations.constant([0, 3, 1, 2]))
    first = convolve(planes, FIRST, 0)
    return ov.Model([convolve(operations.relu(first) if relu else first, kernel, 1)], [pixels])


def convolve(maps: ov.Node, kernel: np.ndarray, pad: int) -> ov.Node:
    return operations.convolution(maps, operations.constant(kernel), [1, 1], [pad, pad], [pad, pad], [1, 1])


FIRST = np.array([[1, -1, 0], [0, 1, -1], [-1, 0, 1], [0.3, 0.3, 0.3]], np.float32)[:, :, None, None]


def rounded(values: np.ndarray, step: np.ndarray | float, lowest: int, highest: int) -> np.ndarray:
    return np.clip(np.round(values / step), lowest, highest) * step


def numpy_answer(picture: np.ndarray, kernel: np.ndarray, low: float, high: float, *, relu: bool) -> np.ndarray:
    """The same in NumPy: both rounded to their levels, borders of 0."""
    maps = np.einsum("hwc,oc->ohw", picture.astype(np.float64), FIRST[:, :, 0, 0])
    maps = np.maximum(maps, 0) if relu else maps
    step = (high - low) / 255
    zero = np.ceil(-low / step)
    maps = np.pad(rounded(maps, step, -zero, 255 - zero), ((0, 0), (1, 1), (1, 1)))
    weights = rounded(kernel, np.abs(kernel).max(axis=(1, 2, 3), keepdims=True) / 127, -127, 127)
    windows = np.lib.stride_tricks.sliding_window_view(maps, (3, 3), axis=(1, 2))
    return np.einsum("chwij,ocij->ohw", windows, weights)


def quantise_for(model: ov.Model, pictures: list[np.ndarray], *kernels: np.ndarray) -> Ranges:
    """Measure ranges with these pictures and quantise with them; kernels are those of OpenVINO, and get names."""
    layers = {f"layer {index}": kernel.transpose(2, 3, 1, 0) for index, kernel in enumerate(kernels)}
    pixels = {"pixels": FIRST.transpose(2, 3, 1, 0)}
    ranges = measure_ranges(model, layers | pixels, pictures, 99.95)
    assert ranges.keys() == layers.keys()
    quantise(model, layers | pixels, ranges)
    return ranges


@pytest.mark.parametrize("relu", [True, False])
def test_it_computes_what_numpy_does_with_numbers_of_eight_bits(relu: bool) -> None:
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((5, CHANNELS, 3, 3)).astype(np.float32)
    kernel[1] *= 100  # a filter's scale is its own
    pictures = list(rng.integers(0, 256, (3, 16, 16, 3), np.uint8))
    seen = np.stack([np.einsum("hwc,oc->ohw", each.astype(np.float64), FIRST[:, :, 0, 0]) for each in pictures])
    seen = np.maximum(seen, 0) if relu else seen
    low, high = (np.percentile(seen, percent, axis=(1, 2, 3)) for percent in (0.05, 99.95))
    model = network(kernel, relu=relu)
    fold_constants(model)
    quantise_for(model, pictures, kernel)
    answer = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([pictures[0][None]])[0][0]
    expected = numpy_answer(pictures[0], kernel, min(low.min(), 0), max(high.max(), 0), relu=relu)
    # One level up or down, here and there, where float32 and float64 round to different sides.
    np.testing.assert_allclose(answer, expected, atol=0.02 * np.abs(expected).max())
    assert np.abs(answer - expected).mean() < 1e-3 * np.abs(expected).mean()


def test_convolutions_that_read_the_same_maps_share_their_range() -> None:
    pixels = operations.parameter([-1, 16, 16, 3], np.uint8)
    planes = operations.transpose(operations.convert(pixels, np.float32), operations.constant([0, 3, 1, 2]))
    first = operations.relu(convolve(planes, FIRST, 0))
    ones = np.ones((2, CHANNELS, 3, 3), np.float32)
    model = ov.Model([convolve(first, ones, 1), convolve(first, -ones, 1)], [pixels])
    fold_constants(model)
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    ranges = quantise_for(model, [picture], ones, -ones)
    assert np.array_equal(ranges["layer 0"], ranges["layer 1"])
    answer = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([picture[None]])
    np.testing.assert_array_equal(answer[0], -answer[1])
    assert answer[0].max() > 0


def test_activations_that_are_always_0_give_numbers() -> None:
    kernel = np.ones((1, CHANNELS, 3, 3), np.float32)
    model = network(kernel, relu=True)
    fold_constants(model)
    black = np.zeros((16, 16, 3), np.uint8)
    quantise_for(model, [black], kernel)
    assert not ov.Core().compile_model(model, "CPU")([black[None]])[0].any()


def test_a_filter_of_zeros_gives_zeros() -> None:
    kernel = np.zeros((1, CHANNELS, 3, 3), np.float32)
    model = network(kernel, relu=True)
    fold_constants(model)
    picture = np.full((16, 16, 3), 200, np.uint8)
    quantise_for(model, [picture], kernel)
    assert not ov.Core().compile_model(model, "CPU")([picture[None]])[0].any()


def test_all_convolutions_but_those_of_pixels_run_in_eight_bits(tmp_path: Path) -> None:
    export_in_subprocess(SPEC, find_weights(SPEC, "auto", tmp_path), "gem", tmp_path, quantised=True)
    compiled = ov.Core().compile_model(tmp_path / MODEL_FILE, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    facts = [node.get_rt_info() for node in compiled.get_runtime_model().get_ordered_ops()]
    ran = [each["primitiveType"].get() for each in facts if each["layerType"].get() == "Convolution"]
    assert len(ran) == 27
    assert sum("I8" in each for each in ran) == 24  # all but those of pixels, of the picture at three sizes


def test_a_range_of_no_convolution_is_refused() -> None:
    kernel = np.ones((1, CHANNELS, 3, 3), np.float32)
    model = network(kernel, relu=True)
    fold_constants(model)
    with pytest.raises(WeightsError, match="ranges/conv9: the model has no such convolution"):
        quantise(model, {"conv1": kernel.transpose(2, 3, 1, 0)}, {"conv9": np.array([0, 1], np.float32)})


def test_a_layer_without_a_range_stays_in_full_precision() -> None:
    kernel = np.ones((1, CHANNELS, 3, 3), np.float32)
    model = network(kernel, relu=True)
    fold_constants(model)
    before = len(model.get_ops())
    quantise(model, {"conv1": kernel.transpose(2, 3, 1, 0)}, {})
    assert len(model.get_ops()) == before
