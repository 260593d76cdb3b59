"""Tensors with facts about them, in one ``.safetensors`` file: what encoder and detector files have in common.

Tensors are float16 or float32. The metadata has one key, ``visop``: a JSON object. The format can name no code, so a
file from a stranger is safe to open; safetensors itself checks that every tensor lies inside the file. Imports no
runtime.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from visop.errors import WeightsError
from visop.files import write_whole

SUFFIX = ".safetensors"

# Of the metadata. The old one is that of files from before 0.2, when the project had another name.
_KEY, _OLD_KEY = "visop", "opkit"

_MAX_HEADER_BYTES = 4 << 20
_DTYPES = {"F16": "float16", "F32": "float32"}
_RANGES = "ranges/"

Tensors = Mapping[str, npt.NDArray[Any]]
Shapes = dict[str, tuple[int, ...]]


def as_stored(path: Path, tensors: Tensors) -> dict[str, npt.NDArray[Any]]:
    """The tensors as a file holds them.

    Raises:
        WeightsError: one is neither float16 nor float32.
    """
    arrays = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    for name, array in arrays.items():
        if array.dtype.name not in _DTYPES.values():
            raise WeightsError("", "", f"{path}: {name} is {array.dtype.name}, must be float16 or float32")
    return arrays


def write_tensor_file(path: Path, facts: Mapping[str, Any], arrays: Tensors) -> None:
    """Write a file, whole or not at all. The same content gives the same bytes.

    Args:
        path: what is there is replaced.
        facts: the JSON object of the metadata.
        arrays: of ``as_stored``.

    Raises:
        WeightsError: the card among the facts is no JSON, or too large, or the file cannot be written.
    """
    try:
        text = json.dumps(facts, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise WeightsError("", "", f"{path}: the card is not JSON: {error}") from error
    if len(text) > _MAX_HEADER_BYTES // 2:
        raise WeightsError("", "", f"{path}: the card has {len(text)} bytes, at most {_MAX_HEADER_BYTES // 2} fit")
    try:
        write_whole(path, save(dict(arrays), {_KEY: text}))
    except OSError as error:
        raise WeightsError("", "", f"{path} cannot be written: {error.strerror or error}") from error


@contextmanager
def opened(path: Path, what: str) -> Iterator[Any]:
    """An open file, for ``read_facts`` and its ``get_tensor``.

    Args:
        path: of the file.
        what: it should be, for errors.

    Raises:
        WeightsError: it is not there, is damaged, or is something else.
    """
    if not path.is_file():  # a pipe would be waited for
        raise WeightsError("", "", f"{path}: there is no such file")
    try:
        with path.open("rb") as raw:
            claimed = int.from_bytes(raw.read(8), "little")
        if claimed > _MAX_HEADER_BYTES:
            raise WeightsError("", "", f"{path} is no {what}: a header of {claimed} bytes, limit {_MAX_HEADER_BYTES}")
        with safe_open(path, framework="numpy") as file:
            yield file
    except SafetensorError as error:
        raise WeightsError("", "", f"{path} is damaged or no {what}: {error}") from error
    except OSError as error:
        raise WeightsError("", "", f"{path} cannot be read: {error.strerror or error}") from error


def read_facts(path: Path, file: Any, what: str) -> tuple[dict[str, Any], Shapes]:
    """The JSON object of the metadata, and the shapes of the tensors. Raises as ``opened``."""
    metadata = file.metadata() or {}
    text = metadata.get(_KEY, metadata.get(_OLD_KEY))
    if text is None:
        raise WeightsError("", "", f"{path} is a safetensors file, but no {what}: its metadata has no key {_KEY!r}")
    slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    for name, part in slices.items():
        if part.get_dtype() not in _DTYPES:
            raise WeightsError("", "", f"{path}: {name} is {part.get_dtype()}, must be F16 or F32")
    return _parse(path, text), {name: tuple(part.get_shape()) for name, part in slices.items()}


def check_finite(path: Path, tensors: Tensors) -> None:
    """Refuse NaN and inf.

    Raises:
        WeightsError: names the tensor.
    """
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise WeightsError("", "", f"{path} holds NaN or inf, in {name}")


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        facts = json.loads(text)
        json.dumps(facts, allow_nan=False)  # Python reads NaN and 1e999, which are no JSON
    except (ValueError, RecursionError) as error:
        raise WeightsError("", "", f"{path}: its metadata is not JSON: {error}") from error
    if not isinstance(facts, dict):
        raise WeightsError("", "", f"{path}: its metadata must be a JSON object")
    return facts


@dataclass(frozen=True)
class TensorDigests:
    """What the numbers of a file are known by: SHA-256 of tensors with their names, hexadecimal.

    Attributes:
        weights: of all that is not a range.
        ranges: of the ranges; empty if there are none.
    """

    weights: str
    ranges: str


def digests_of(tensors: Tensors) -> TensorDigests:
    """Those that a file of these tensors has."""
    return tensor_digests(tensors, tensors.__getitem__)


def tensor_digests(names: Iterable[str], get: Callable[[str], npt.NDArray[Any]]) -> TensorDigests:
    """Those of tensors of these names."""
    ranges = [name for name in names if name.startswith(_RANGES)]
    weights = [name for name in names if not name.startswith(_RANGES)]
    return TensorDigests(_digest(weights, get), _digest(ranges, get) if ranges else "")


def _digest(names: Iterable[str], get: Callable[[str], npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(names):
        tensor = get(name)
        digest.update(f"{name} {tensor.dtype.name} {tensor.shape}\n".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()
