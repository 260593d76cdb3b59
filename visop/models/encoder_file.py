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

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from visop import __version__
from visop.errors import UsageError, WeightsError
from visop.files import write_whole
from visop.models.encoder_header import FORMAT, RANGES, EncoderHeader, header_of
from visop.models.registry import Pooling

SUFFIX = ".safetensors"

# Of the metadata. The old one is that of files from before 0.2, when the project had another name.
_KEY, _OLD_KEY = "visop", "opkit"

_MAX_HEADER_BYTES = 4 << 20
_DTYPES = {"F16": "float16", "F32": "float32"}

Tensors = Mapping[str, npt.NDArray[Any]]


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
    arrays = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    for name, array in arrays.items():
        if array.dtype.name not in _DTYPES.values():
            raise WeightsError("", "", f"{path}: {name} is {array.dtype.name}, must be float16 or float32")
    header_of(path, facts, {name: array.shape for name, array in arrays.items()})
    _check_numbers(path, arrays)
    try:
        text = json.dumps(facts, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise WeightsError("", "", f"{path}: the card is not JSON: {error}") from error
    if len(text) > _MAX_HEADER_BYTES // 2:
        raise WeightsError("", "", f"{path}: the card has {len(text)} bytes, at most {_MAX_HEADER_BYTES // 2} fit")
    try:
        write_whole(path, save(arrays, {_KEY: text}))
    except OSError as error:
        raise WeightsError("", "", f"{path} cannot be written: {error.strerror or error}") from error


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
    with _opened(path) as file:
        return _read_header(path, file)


def read_stored(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read all tensors by name, as they are stored. Raises as ``read_header``."""
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in _read_header(path, file).shapes}


def read_tensors(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Read all tensors by name, as float32, whatever they are stored as.

    Raises:
        WeightsError: as ``read_header``, or a number is NaN or inf, or ``gem/p`` is not above 0.
    """
    with _opened(path) as file:
        header = _read_header(path, file)
        tensors = {name: np.asarray(file.get_tensor(name), np.float32) for name in header.shapes}
    _check_numbers(path, tensors)
    return tensors


@dataclass(frozen=True)
class TensorDigests:
    """What the numbers of an encoder file are known by: SHA-256 of tensors with their names, hexadecimal.

    Attributes:
        weights: of all that is not a range.
        ranges: of the ranges; empty if there are none.
    """

    weights: str
    ranges: str


def digests_of_file(path: Path) -> TensorDigests:
    """Those of a file. Raises as ``read_header``."""
    with _opened(path) as file:
        return _digests(_read_header(path, file).shapes, file.get_tensor)


def digests_of(tensors: Tensors) -> TensorDigests:
    """Those that a file of these tensors has."""
    return _digests(tensors, tensors.__getitem__)


def _digests(names: Iterable[str], get: Callable[[str], npt.NDArray[Any]]) -> TensorDigests:
    ranges = [name for name in names if name.startswith(RANGES)]
    weights = [name for name in names if not name.startswith(RANGES)]
    return TensorDigests(_digest(weights, get), _digest(ranges, get) if ranges else "")


def _digest(names: Iterable[str], get: Callable[[str], npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(names):
        tensor = get(name)
        digest.update(f"{name} {tensor.dtype.name} {tensor.shape}\n".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():  # a pipe would be waited for
        raise WeightsError("", "", f"{path}: there is no such file")
    try:
        with path.open("rb") as raw:
            claimed = int.from_bytes(raw.read(8), "little")
        if claimed > _MAX_HEADER_BYTES:
            raise WeightsError(
                "", "", f"{path} is no encoder file: a header of {claimed} bytes, limit {_MAX_HEADER_BYTES}"
            )
        with safe_open(path, framework="numpy") as file:
            yield file
    except SafetensorError as error:
        raise WeightsError("", "", f"{path} is damaged or no encoder file: {error}") from error
    except OSError as error:
        raise WeightsError("", "", f"{path} cannot be read: {error.strerror or error}") from error


def _read_header(path: Path, file: Any) -> EncoderHeader:
    metadata = file.metadata() or {}
    text = metadata.get(_KEY, metadata.get(_OLD_KEY))
    if text is None:
        raise WeightsError(
            "", "", f"{path} is a safetensors file, but no encoder file: its metadata has no key {_KEY!r}"
        )
    slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    for name, part in slices.items():
        if part.get_dtype() not in _DTYPES:
            raise WeightsError("", "", f"{path}: {name} is {part.get_dtype()}, must be F16 or F32")
    return header_of(path, _parse(path, text), {name: tuple(part.get_shape()) for name, part in slices.items()})


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        facts = json.loads(text)
        json.dumps(facts, allow_nan=False)  # Python reads NaN and 1e999, which are no JSON
    except (ValueError, RecursionError) as error:
        raise WeightsError("", "", f"{path}: its metadata is not JSON: {error}") from error
    if not isinstance(facts, dict):
        raise WeightsError("", "", f"{path}: its metadata must be a JSON object")
    return facts


def _check_numbers(path: Path, tensors: Tensors) -> None:
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise WeightsError("", "", f"{path} holds NaN or inf, in {name}")
    if "gem/p" in tensors and not (tensors["gem/p"] > 0).all():
        raise WeightsError("", "", f"{path}: gem/p is {tensors['gem/p']}, must be above 0")
    for name, tensor in tensors.items():
        if name.startswith(RANGES) and not tensor[0] <= 0 <= tensor[1]:
            raise WeightsError("", "", f"{path}: {name} is {tensor.tolist()}, must go from at most 0 to at least 0")
