"""The encoder file: a whole trained encoder in one ``.safetensors`` file, with its card. Imports no runtime.

Tensors are float16 or float32: ``backbone/<Keras layer>/<weight>``, ``gem/p`` (a number, if it was trained),
``head/kernel`` and ``head/bias`` (if there is a head), ``whitening/kernel`` and ``whitening/bias`` (if whitened), and
``ranges/<Keras layer>``, (2,) float32, for each convolution that can compute in eight bits: the lowest and the highest
number that it expects among its inputs, at most 0 and at least 0. The metadata has one key, ``visop``: a JSON object
with ``format``, ``model``, ``pooling``, ``dimension`` and ``card``.

The format can name no code, so a file from a stranger is safe to open; safetensors itself checks that every tensor lies
inside the file, and this module that the tensors make an encoder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from visop import __version__
from visop.errors import UsageError, WeightsError
from visop.models.encoder_header import FORMAT, RANGES, EncoderHeader, header_of
from visop.models.registry import Pooling
from visop.models.tensor_file import (
    SUFFIX,
    TensorDigests,
    Tensors,
    as_stored,
    check_finite,
    opened,
    read_facts,
    tensor_digests,
    write_tensor_file,
)

_WHAT = "encoder file"


def write_encoder_file(
    path: Path, *, model: str, pooling: Pooling, dimension: int, tensors: Tensors, card: Mapping[str, Any]
) -> None:
    """Write an encoder file, whole or not at all. The same content gives the same bytes.

    Args:
        path: ends in ``.safetensors``; what is there is replaced.
        model: name of the network in the registry.
        pooling: its pooling.
        dimension: length of the vectors of the whole encoder.
        tensors: float16 or float32, finite, under the names of the module's docstring.
        card: a JSON object.

    Raises:
        WeightsError: this would be no encoder file; nothing is written.
    """
    if path.suffix != SUFFIX:
        raise WeightsError("", "", f"{path}: the name of an encoder file ends in {SUFFIX}")
    facts = {"format": FORMAT, "model": model, "pooling": pooling, "dimension": dimension, "card": card}
    arrays = as_stored(path, tensors)
    header_of(path, facts, {name: array.shape for name, array in arrays.items()})
    _check_numbers(path, arrays)
    write_tensor_file(path, facts, arrays)


def check_out(path: Path) -> None:
    """Find out before hours of work what would keep an encoder file from being written after them.

    Raises:
        UsageError: the name or the folder will not do.
    """
    if path.suffix != SUFFIX or not path.parent.is_dir():
        raise UsageError("out", path, f"must be a name that ends in {SUFFIX}, in a folder that is there")


def made_now(**more: Any) -> dict[str, Any]:
    """The entry ``made`` of a card: by which visop, and when.

    The date is that of SOURCE_DATE_EPOCH where it is set, so that a build can be repeated byte for byte.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    now = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return {"visop": __version__, "date": now.date().isoformat(), **more}


def replace_card(path: Path, card: Mapping[str, Any]) -> None:
    """Give an encoder file another card. The tensors stay as they are, and so does the fingerprint.

    Raises:
        WeightsError: as ``read_header`` and ``write_encoder_file``; the file stays as it was.
    """
    header, tensors = read_header(path), read_stored(path)
    write_encoder_file(
        path, model=header.model, pooling=header.pooling, dimension=header.dimension, tensors=tensors, card=card
    )


def read_header(path: Path) -> EncoderHeader:
    """Read what an encoder file says of itself; quick, however large it is.

    Raises:
        WeightsError: it is damaged, inconsistent, or no encoder file; names the file and what is wrong.
    """
    with opened(path, _WHAT) as file:
        return _read_header(path, file)


def digests_of_file(path: Path) -> TensorDigests:
    """What the numbers of a file are known by. Raises as ``read_header``."""
    with opened(path, _WHAT) as file:
        return tensor_digests(_read_header(path, file).shapes, file.get_tensor)


def read_stored(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read all tensors by name, as they are stored. Raises as ``read_header``."""
    with opened(path, _WHAT) as file:
        return {name: file.get_tensor(name) for name in _read_header(path, file).shapes}


def read_tensors(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Read all tensors by name, as float32, whatever they are stored as.

    Raises:
        WeightsError: as ``read_header``, or a number is NaN or inf, or ``gem/p`` is not above 0.
    """
    with opened(path, _WHAT) as file:
        header = _read_header(path, file)
        tensors = {name: np.asarray(file.get_tensor(name), np.float32) for name in header.shapes}
    _check_numbers(path, tensors)
    return tensors


def _read_header(path: Path, file: Any) -> EncoderHeader:
    facts, shapes = read_facts(path, file, _WHAT)
    return header_of(path, facts, shapes)


def _check_numbers(path: Path, tensors: Tensors) -> None:
    check_finite(path, tensors)
    if "gem/p" in tensors and not (tensors["gem/p"] > 0).all():
        raise WeightsError("", "", f"{path}: gem/p is {tensors['gem/p']}, must be above 0")
    for name, tensor in tensors.items():
        if name.startswith(RANGES) and not tensor[0] <= 0 <= tensor[1]:
            raise WeightsError("", "", f"{path}: {name} is {tensor.tolist()}, must go from at most 0 to at least 0")
