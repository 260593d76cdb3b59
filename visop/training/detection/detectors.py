"""The detectors that can be trained, and what their training starts from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from visop.errors import WeightsError
from visop.models.detector_file import read_detector_header, read_detector_tensors
from visop.models.encoder_file import read_tensors
from visop.models.registry import find_model
from visop.processors.ssd.network import get_tensors, set_tensors
from visop.processors.ssd.small_network import ENCODER_STAGES
from visop.training.detection.prepare import Network, check_weights
from visop.training.networks import Tensors, use_precision

logger = logging.getLogger(__name__)

# Of the predictions, as a share of what keeps the size of numbers, so that training begins from boxes like the priors.
_PREDICTIONS = 0.1

# By how much the maps of the shipped encoder grow from layer to layer: its last ones have a deviation of 440.
_GROWTH = np.float32(2.14)


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
            weights: as of ``check_weights``.
            seed: of all weights that start as random ones.

        Raises:
            WeightsError: the weights do not fit.
        """
        check_weights(network, weights)
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
        return made | _of_encoder()
    return made | _of_file(made, network, Path(weights).expanduser())


def _of_encoder() -> Tensors:
    """The convolutions of the shipped encoder, with maps of pictures that have a deviation near 1.

    A ReLU gives as much less as it gets, so that smaller kernels make the same maps, up to their size.
    """
    stored = read_tensors(Path(str(find_model("embedded").shipped)))
    tensors = {}
    for depth, stage in enumerate(ENCODER_STAGES, 1):
        tensors[f"{stage.name}/kernel"] = stored[f"backbone/{stage.name}/kernel"] / _GROWTH
        tensors[f"{stage.name}/bias"] = stored[f"backbone/{stage.name}/bias"] / _GROWTH**depth
    return tensors


def _of_file(made: Mapping[str, npt.NDArray[Any]], network: Network, path: Path) -> Tensors:
    """Those of a detector file; what it knows of classes only where the labels are the same."""
    header, tensors = read_detector_header(path), read_detector_tensors(path)
    if header.labels != network.labels:
        logger.info("%s finds other labels: its predictions of classes are left out", path)
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("classes")}
    wrong = [name for name, tensor in tensors.items() if name not in made or made[name].shape != tensor.shape]
    if wrong:
        raise WeightsError("weights", path, f"{wrong[0]} does not fit {network.name}")
    return tensors
