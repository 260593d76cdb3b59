"""The detector file: a whole trained detector in one ``.safetensors`` file, with its card. Imports no runtime.

It is as safe to open as an encoder file (``encoder_file``). The metadata is a JSON object with ``format``, ``kind``
(``detector``), ``model``, ``labels``, ``network`` and ``card``; the tensors are under the names that the model gives
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.errors import WeightsError
from visop.models.tensor_file import (
    SUFFIX,
    Shapes,
    TensorDigests,
    Tensors,
    as_stored,
    check_finite,
    opened,
    read_facts,
    tensor_digests,
    write_tensor_file,
)

FORMAT, KIND = 1, "detector"

# More would not fit into the answers.
_MAX_LABELS, _MAX_LABEL = 10_000, 200

_WHAT = "detector file"


@dataclass(frozen=True, kw_only=True)
class DetectorHeader:
    """What a detector file says of itself; the tensors are not read.

    Attributes:
        model: the kind of network and everything that is the same for all of its kind, such as ``ssd300``.
        labels: of the classes in the order in which the network gives them, without the background. A class with an
            empty label is never answered.
        network: further facts that the network is built from; a JSON object.
        card: what it was made from and what it is good for; a JSON object.
        shapes: of every tensor, by name.
    """

    model: str
    labels: tuple[str, ...]
    network: Mapping[str, Any]
    card: Mapping[str, Any]
    shapes: Shapes


def write_detector_file(
    path: Path,
    *,
    model: str,
    labels: Sequence[str],
    tensors: Tensors,
    card: Mapping[str, Any],
    network: Mapping[str, Any] | None = None,
) -> None:
    """Write a detector file, whole or not at all. The same content gives the same bytes.

    Args:
        path: ends in ``.safetensors``; what is there is replaced.
        model: as of ``DetectorHeader``.
        labels: as of ``DetectorHeader``.
        tensors: float16 or float32, finite.
        card: a JSON object.
        network: as of ``DetectorHeader``; nothing if None.

    Raises:
        WeightsError: this would be no detector file; nothing is written.
    """
    if path.suffix != SUFFIX:
        raise WeightsError("", "", f"{path}: the name of a detector file ends in {SUFFIX}")
    facts = {"format": FORMAT, "kind": KIND, "model": model, "labels": list(labels), "network": dict(network or {})}
    facts["card"] = card
    arrays = as_stored(path, tensors)
    _header_of(path, facts, {name: array.shape for name, array in arrays.items()})
    check_finite(path, arrays)
    write_tensor_file(path, facts, arrays)


def is_detector_file(path: Path) -> bool:
    """Whether a ``.safetensors`` file is of a detector. Raises as ``read_detector_header`` if it is damaged."""
    with opened(path, "encoder or detector file") as file:
        return read_facts(path, file, "encoder or detector file")[0].get("kind") == KIND


def read_detector_header(path: Path) -> DetectorHeader:
    """Read what a detector file says of itself; quick, however large it is.

    Raises:
        WeightsError: it is damaged, inconsistent, or no detector file; names the file and what is wrong.
    """
    with opened(path, _WHAT) as file:
        return _read_header(path, file)


def read_detector_tensors(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Read all tensors by name, as float32, whatever they are stored as.

    Raises:
        WeightsError: as ``read_detector_header``, or a number is NaN or inf.
    """
    with opened(path, _WHAT) as file:
        header = _read_header(path, file)
        tensors = {name: np.asarray(file.get_tensor(name), np.float32) for name in header.shapes}
    check_finite(path, tensors)
    return tensors


def digests_of_detector(path: Path) -> TensorDigests:
    """What the numbers of a file are known by. Raises as ``read_detector_header``."""
    with opened(path, _WHAT) as file:
        return tensor_digests(_read_header(path, file).shapes, file.get_tensor)


def _read_header(path: Path, file: Any) -> DetectorHeader:
    return _header_of(path, *read_facts(path, file, _WHAT))


def _header_of(path: Path, facts: Mapping[str, Any], shapes: Shapes) -> DetectorHeader:
    if facts.get("kind") != KIND:
        raise WeightsError("", "", f"{path} is an encoder file; here a detector file is needed")
    if facts.get("format") != FORMAT:
        given = facts.get("format")
        raise WeightsError("", "", f"{path} is a detector file of format {given}; this visop reads {FORMAT}")
    model, network, card = facts.get("model"), facts.get("network"), facts.get("card")
    if not (isinstance(model, str) and isinstance(network, Mapping) and isinstance(card, Mapping)):
        raise WeightsError("", "", f"{path}: 'model' must be a text, 'network' and 'card' objects")
    for name, shape in shapes.items():
        if 0 in shape:  # its other sides may claim anything
            raise WeightsError("", "", f"{path}: {name} has shape {shape}: there are no numbers in it")
    labels = _labels(path, facts.get("labels"))
    return DetectorHeader(model=model, labels=labels, network=network, card=card, shapes=shapes)


def _labels(path: Path, labels: object) -> tuple[str, ...]:
    is_list = isinstance(labels, list) and all(isinstance(each, str) and len(each) <= _MAX_LABEL for each in labels)
    if not isinstance(labels, list) or not is_list or not 1 <= len(labels) <= _MAX_LABELS:
        rule = f"must be a list of 1 to {_MAX_LABELS} texts of at most {_MAX_LABEL} characters"
        raise WeightsError("", "", f"{path}: 'labels' {rule}")
    named = [each for each in labels if each]
    if not named or len(set(named)) != len(named):
        raise WeightsError("", "", f"{path}: 'labels' must have one label at least, and none twice")
    return tuple(labels)
