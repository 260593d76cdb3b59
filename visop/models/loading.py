"""Weights into a Keras model, and out of it.

Only arrays are read, also from a ``.keras`` archive, whose description of a model can name code to run and is never
looked at.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from visop.errors import WeightsError
from visop.models.encoder_file import read_tensors
from visop.models.random_weights import set_random_weights
from visop.models.registry import ModelSpec
from visop.models.tensor_file import SUFFIX
from visop.models.weights import Weights, content_sha256

Tensors = Mapping[str, npt.NDArray[np.float32]]

_BACKBONE = "backbone/"


def load_weights(spec: ModelSpec, backbone: Any, weights: Weights) -> Tensors:
    """Fill a backbone (``build_backbone``) with weights.

    Returns:
        What comes after the backbone, by its name in an encoder file; nothing if it is from another file.

    Raises:
        WeightsError: the file is damaged, of another model, or not the one that was found at the start.
    """
    if weights.path is None:
        set_random_weights(backbone)
        return {}
    load = _load_encoder_file if weights.path.suffix == SUFFIX else _load_keras_file
    rest = load(spec, backbone, weights.path)
    if content_sha256(weights.path) != weights.sha256:
        raise WeightsError("", "", f"{weights.path} changed while it was read; start again")
    return rest


def backbone_tensors(backbone: Any) -> dict[str, npt.NDArray[np.float32]]:
    """The weights of a backbone by their names in an encoder file."""
    return {_BACKBONE + weight.path: np.array(weight.numpy(), np.float32) for weight in backbone.weights}


def _load_encoder_file(spec: ModelSpec, backbone: Any, path: Path) -> Tensors:
    tensors = read_tensors(path)
    own = {name: tensors.pop(name) for name in list(tensors) if name.startswith(_BACKBONE)}
    found = {name: tensor.shape for name, tensor in own.items()}
    needed = {_BACKBONE + weight.path: tuple(weight.shape) for weight in backbone.weights}
    if found != needed:
        name = min(name for name in found | needed if found.get(name) != needed.get(name))
        raise WeightsError(
            "",
            "",
            f"{path} does not fit {spec.name}: {name} has shape {found.get(name)}, the model's {needed.get(name)}",
        )
    for weight in backbone.weights:
        weight.assign(own[_BACKBONE + weight.path])
    return tensors


def _load_keras_file(spec: ModelSpec, backbone: Any, path: Path) -> Tensors:
    try:
        _check_count(spec, backbone, path)
        backbone.load_weights(path)
    # What h5py, zipfile and Keras raise for damaged and for misfit files.
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, zipfile.BadZipFile) as error:
        reason = str(error).strip().partition("\n")[0]
        raise WeightsError("", "", f"{path} is damaged or not of {spec.name}: {reason}") from error
    _check_finite(backbone, path)
    return {}


def _check_count(spec: ModelSpec, backbone: Any, path: Path) -> None:
    """Catch what the loaders of Keras let pass: a larger model of which this one is a part, and forged sizes."""
    with _open_hdf5(path) as file:
        found = _count_weights(file)
    if found != backbone.count_params():
        raise WeightsError(
            "",
            "",
            f"{path} holds {found:,} weights, {spec.name} without its classifier has {backbone.count_params():,}: it "
            "is of another model, or with the classifier (Keras publishes both; names of those without say notop)",
        )


@contextmanager
def _open_hdf5(path: Path) -> Iterator[h5py.File]:
    if path.suffix != ".keras":
        with h5py.File(path, "r") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as member, h5py.File(member, "r") as file:
        yield file


def _count_weights(file: h5py.File) -> int:
    sizes: list[int] = []

    def visit(name: str, item: h5py.Dataset | h5py.Group) -> None:
        # What a training run leaves in a file besides the model's own weights.
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer") and "seed_generator" not in name:
            sizes.append(item.size)

    file.visititems(visit)
    return sum(sizes)


def _check_finite(backbone: Any, path: Path) -> None:
    bad = next((weight.path for weight in backbone.weights if not np.isfinite(weight.numpy()).all()), None)
    if bad is not None:
        raise WeightsError("", "", f"{path} holds NaN or inf, in {bad}")
