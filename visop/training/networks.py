"""An encoder that can be trained, of any registered model: built, filled, and taken out as the tensors of a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt

from visop.errors import UsageError
from visop.machine import has_any_instructions
from visop.models.graph import build_backbone, build_encoder
from visop.models.loading import backbone_tensors, load_weights
from visop.models.registry import ModelSpec, Pooling
from visop.models.small_vgg import build_small_vgg, build_tied_vgg, tie, written_out
from visop.models.weights import Weights

Tensors = dict[str, npt.NDArray[Any]]

_BF16 = ("avx512_bf16", "amx_bf16")

_TIED = "embedded"  # the one model that is trained in another form than it is served in


class Trainee:
    """A network in training.

    Attributes:
        model: a Keras model from images (N, height, width, 3) uint8 RGB to unit vectors (N, dimension) float32; the
            very graph that is served, so that there is no second preprocessing.
        pooling: its pooling.
        dimension: length of its vectors.
    """

    def __init__(self, spec: ModelSpec, weights: Weights, pooling: Pooling, dimension: int, seed: int) -> None:
        """Build a network and fill it.

        Args:
            spec: the model.
            weights: to start from.
            pooling: of the feature map; the exponent of gem is trained.
            dimension: of the embedding head; 0 takes the head of the weights, or none where they have none.
            seed: of a new head, and of all weights that start as random ones.

        Raises:
            UsageError: the model cannot take pictures of that size.
            WeightsError: the weights do not fit.
        """
        keras.config.set_image_data_format("channels_last")
        keras.utils.set_random_seed(seed)
        self._tied = spec.name == _TIED
        self._backbone, rest = _fill_tied(spec, weights) if self._tied else _fill(spec, weights)
        rest = {name: tensor for name, tensor in rest.items() if not name.startswith("whitening/")}
        if dimension:
            rest |= _new_head(self._backbone.outputs[0].shape[-1], dimension, np.random.default_rng(seed))
        self.model = build_encoder(spec, self._backbone, pooling, rest)
        self.pooling = pooling
        self.dimension: int = self.model.output_shape[-1]

    def tensors(self) -> Tensors:
        """The tensors of an encoder file, float32, by name."""
        return {**self._backbone_tensors(), **self._rest()}

    def _backbone_tensors(self) -> Tensors:
        if self._tied:
            return {f"backbone/{name}": tensor for name, tensor in written_out(self._backbone).items()}
        return backbone_tensors(self._backbone)

    def _rest(self) -> Tensors:
        found = {}
        for layer in self.model.layers:
            if layer.name == "gem":
                found["gem/p"] = _numpy(layer.p)
            if layer.name == "head":
                found |= {"head/kernel": _numpy(layer.kernel), "head/bias": _numpy(layer.bias)}
        return found


def _numpy(weight: Any) -> npt.NDArray[np.float32]:
    return np.array(keras.ops.convert_to_numpy(weight), np.float32)


def _sized(spec: ModelSpec, build: Callable[[], Any]) -> Any:
    try:
        return build()
    except ValueError as error:  # what Keras says of sizes that do not go
        raise UsageError("side", spec.height, f"does not go with {spec.name}: {error}") from error


def _fill(spec: ModelSpec, weights: Weights) -> tuple[Any, Mapping[str, Any]]:
    backbone = _sized(spec, lambda: build_backbone(spec))
    return backbone, load_weights(spec, backbone, weights)


def _fill_tied(spec: ModelSpec, weights: Weights) -> tuple[Any, Mapping[str, Any]]:
    shape = (spec.height, spec.width, 3)
    tied = _sized(spec, lambda: build_tied_vgg(shape))
    if weights.path is None:
        return tied, {}
    plain = build_small_vgg(shape)
    rest = load_weights(spec, plain, weights)
    tie(tied, {name.removeprefix("backbone/"): tensor for name, tensor in backbone_tensors(plain).items()})
    return tied, rest


def _new_head(channels: int, dimension: int, rng: np.random.Generator) -> Tensors:
    """Random directions: they keep distances about as they are (Johnson & Lindenstrauss 1984)."""
    kernel = rng.standard_normal((channels, dimension), np.float32) / np.float32(np.sqrt(dimension))
    return {"head/kernel": kernel, "head/bias": np.zeros(dimension, np.float32)}


def build_served(spec: ModelSpec, pooling: Pooling, tensors: Tensors) -> Any:
    """Build the encoder that a file of these tensors is, in full precision: what a card has to speak of.

    Args:
        spec: the model, at the size that it is served at.
        pooling: of the feature map.
        tensors: as ``Trainee.tensors`` gives them.

    Returns:
        As ``Trainee.model``.
    """
    use_precision("f32")
    backbone = build_backbone(spec)
    # By their order: layers that Keras names by counting have other names the second time.
    backbone.set_weights([tensor for name, tensor in tensors.items() if name.startswith("backbone/")])
    rest = {name: tensor for name, tensor in tensors.items() if not name.startswith("backbone/")}
    return build_encoder(spec, backbone, pooling, rest)


def stored(tensors: Tensors, *, half: bool) -> Tensors:
    """The numbers that a file has, which are those to be measured."""
    return {name: tensor.astype(np.float16) if half else tensor for name, tensor in tensors.items()}


def use_precision(precision: Literal["auto", "f32", "bf16"]) -> Literal["f32", "bf16"]:
    """Let layers that are built from now on compute in a precision; their weights stay float32.

    Args:
        precision: ``f32``, ``bf16``, or ``auto``: bf16 on a GPU and on a processor with instructions for it.

    Returns:
        The one in use.
    """
    if precision == "auto":
        chosen: Literal["f32", "bf16"] = "bf16" if _on_gpu() or has_any_instructions(*_BF16) else "f32"
    else:
        chosen = precision
    keras.config.set_dtype_policy("mixed_bfloat16" if chosen == "bf16" else "float32")
    return chosen


def _on_gpu() -> bool:
    # Where a tensor lies by itself: the one question that every backend answers.
    device = str(keras.ops.zeros(1).device).lower()
    return "gpu" in device or "cuda" in device
