"""Everything that can be found out before a detector is trained. Imports no runtime, which may take a minute."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from visop.annotations.reading import Form
from visop.annotations.truth import Annotations
from visop.errors import SettingsError, UsageError, WeightsError
from visop.models.detector_file import read_detector_header
from visop.models.tensor_file import SUFFIX
from visop.processors.ssd import small
from visop.processors.ssd.layout import SIDE
from visop.processors.ssd.small import SmallSsd
from visop.processors.ssd.variants import VARIANTS, Variant
from visop.training.detection.data import read_split
from visop.training.detection.recipe import DetectionRecipe

Network = SmallSsd | Variant


@dataclass(frozen=True)
class Prepared:
    """What is trained on what.

    Attributes:
        folder: of the pictures.
        training: those that are trained on.
        held_out: those that are measured in.
        network: what is trained.
        weights: that it starts from, as of ``check_weights``.
    """

    folder: Path
    training: Annotations
    held_out: Annotations
    network: Network
    weights: str


def prepare(folder: Path, model: str, weights: str, recipe: DetectionRecipe, form: Form | None = None) -> Prepared:
    """Read the annotations of a folder, and check that a detector can be trained on it.

    Args:
        folder: annotated pictures.
        model: as of ``find_network``.
        weights: as of ``check_weights``.
        recipe: how to train.
        form: as of ``read_annotations``.

    Raises:
        UsageError: the folder cannot be trained on, or the detector not at that size.
        WeightsError: the weights do not fit.
    """
    check_weights(find_network(model, (), recipe.side), weights)  # at once; annotations may take minutes to read
    training, held_out = read_split(folder, recipe.held_out, form)
    return Prepared(folder, training, held_out, find_network(model, training.labels, recipe.side), weights)


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


def check_weights(network: Network, weights: str) -> None:
    """Refuse what the network cannot start from.

    Args:
        network: what is trained.
        weights: ``auto`` (the convolutions of the shipped encoder), ``random``, or a detector file.

    Raises:
        WeightsError: there are no such weights, or they are of another network.
    """
    if weights == "auto" and not isinstance(network, SmallSsd):
        why = f"there are no weights to start {network.name} from: take a detector file, or random"
        raise WeightsError("weights", "auto", why)
    if weights in ("auto", "random"):
        return
    path = Path(weights).expanduser()
    if path.suffix != SUFFIX:
        raise WeightsError("weights", path, f"must be auto, random, or a detector file ({SUFFIX})")
    if (header := read_detector_header(path)).model != network.name:
        raise WeightsError("weights", path, f"is of {header.model}, not of {network.name}")
