"""The detectors that can be trained, and what their training starts from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from visop.errors import SettingsError, UsageError, WeightsError
from visop.models.detector_file import read_detector_header, read_detector_tensors
from visop.models.encoder_file import read_tensors
from visop.models.registry import find_model
from visop.models.tensor_file import SUFFIX
from visop.processors.ssd import small
from visop.processors.ssd.layout import SIDE
from visop.processors.ssd.network import get_tensors, set_tensors
from visop.processors.ssd.small import SmallSsd
from visop.processors.ssd.small_network import ENCODER_STAGES
from visop.processors.ssd.variants import VARIANTS, Variant
from visop.training.networks import Tensors, use_precision

logger = logging.getLogger(__name__)

Network = SmallSsd | Variant

# Of the predictions, as a share of what keeps the size of numbers, so that training begins from boxes like the priors.
_PREDICTIONS = 0.1

# By how much the maps of the shipped encoder grow from layer to layer: its last ones have a deviation of 440.
_GROWTH = np.float32(2.14)


def find_network(model: str, labels: tuple[str, ...], side: int) -> Network:
    """The network of that name for these labels.

    Args:
        model: ``auto`` is the small one.
        labels: what it is to find.
        side: of its input, in pixels; 0 is its own.

    Raises:
        SettingsError: there is none of that name.
        UsageError: there is none of that side.
    """
    if model in ("auto", small.NAME):
        return SmallSsd(labels, side or small.SIDE)
    if model not in VARIANTS:
        raise SettingsError("model", model, f"must be one of {', '.join([small.NAME, *VARIANTS])}")
    if side not in (0, SIDE):
        raise UsageError("side", side, f"must be {SIDE} for {model}")
    return replace(VARIANTS[model], labels=labels)


class Trainee:
    """A detector in training.

    Attributes:
        network: what it is.
        model: from inputs to offsets and logits of the classes.
    """

    def __init__(self, network: Network, weights: str, seed: int) -> None:
        """Build it and fill it.

        Args:
            network: what it is.
            weights: ``auto`` (the convolutions of the shipped encoder), ``random``, or a detector file.
            seed: of all weights that start as random ones.

        Raises:
            WeightsError: the weights do not fit.
        """
        keras.config.set_image_data_format("channels_last")
        keras.utils.set_random_seed(seed)
        self.network = network
        self.model = network.build(softmax=False)
        set_tensors(self.model, _start(get_tensors(self.model), network, weights))

    def tensors(self) -> Tensors:
        """Those of a detector file, float32."""
        return {name: np.array(tensor, np.float32) for name, tensor in get_tensors(self.model).items()}

    def served(self, tensors: Tensors) -> Any:
        """What answers as ``model`` does, of these tensors and in full precision: what a card has to speak of."""
        use_precision("f32")
        model = self.network.build(softmax=False)
        set_tensors(model, {name: tensor.astype(np.float32) for name, tensor in tensors.items()})
        return model


def _start(made: Tensors, network: Network, weights: str) -> Tensors:
    """The tensors to start from."""
    for name in made:
        if name.startswith(("boxes", "classes")):
            made[name] = made[name] * np.float32(_PREDICTIONS)
    if weights == "random":
        return made
    if weights == "auto":
        return made | _of_encoder(network)
    return made | _of_file(made, network, Path(weights).expanduser())


def _of_encoder(network: Network) -> Tensors:
    """The convolutions of the shipped encoder, with maps of pictures that have a deviation near 1.

    A ReLU gives as much less as it gets, so that smaller kernels make the same maps, up to their size.
    """
    if not isinstance(network, SmallSsd):
        why = f"there are no weights to start {network.name} from: take a detector file, or random"
        raise WeightsError("weights", "auto", why)
    stored = read_tensors(Path(str(find_model("embedded").shipped)))
    tensors = {}
    for depth, stage in enumerate(ENCODER_STAGES, 1):
        tensors[f"{stage.name}/kernel"] = stored[f"backbone/{stage.name}/kernel"] / _GROWTH
        tensors[f"{stage.name}/bias"] = stored[f"backbone/{stage.name}/bias"] / _GROWTH**depth
    return tensors


def _of_file(made: Mapping[str, npt.NDArray[Any]], network: Network, path: Path) -> Tensors:
    """Those of a detector file; what it knows of classes only where the labels are the same."""
    if path.suffix != SUFFIX:
        raise WeightsError("weights", path, f"must be auto, random, or a detector file ({SUFFIX})")
    header, tensors = read_detector_header(path), read_detector_tensors(path)
    if header.model != network.name:
        raise WeightsError("weights", path, f"is of {header.model}, not of {network.name}")
    if header.labels != network.labels:
        logger.info("%s finds other labels: its predictions of classes are left out", path)
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("classes")}
    wrong = [name for name, tensor in tensors.items() if name not in made or made[name].shape != tensor.shape]
    if wrong:
        raise WeightsError("weights", path, f"{wrong[0]} does not fit {network.name}")
    return tensors
