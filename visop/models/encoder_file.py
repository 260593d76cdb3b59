"""The encoder file: a whole trained encoder in one ``.safetensors`` file, with its card. Imports no runtime.

Tensors are float16 or float32: ``backbone/<Keras layer>/<weight>``, ``gem/p`` (a number, if it was trained),
``head/kernel`` and ``head/bias`` (if there is a head), ``whitening/kernel`` and ``whitening/bias`` (if whitened). The
metadata has one key, ``visop``: a JSON object with ``format``, ``model``, ``pooling``, ``dimension`` and ``card``.

The format can name no code, so a file from a stranger is safe to open; safetensors itself checks that every tensor lies
inside the file, and this module that the tensors make an encoder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeGuard, get_args

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from visop import __version__
from visop.errors import SettingsError, WeightsError
from visop.files import write_whole
from visop.models.registry import Pooling

SUFFIX = ".safetensors"

# Of the metadata. The old one is that of files from before 0.2, when the project had another name.
_KEY, _OLD_KEY = "visop", "opkit"
FORMAT = 1

_MAX_HEADER_BYTES = 4 << 20
_MAX_DIMENSION = 1 << 16
_DTYPES = {"F16": "float16", "F32": "float32"}
_SINGLE = ("gem/p", "head/kernel", "head/bias", "whitening/kernel", "whitening/bias")

Tensors = Mapping[str, npt.NDArray[Any]]
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class EncoderHeader:
    """What an encoder file says of itself, checked for consistency; the tensors are not read.

    Attributes:
        model: name of the network in the registry.
        pooling: how its feature map becomes a vector.
        dimension: length of the vectors that the whole encoder gives.
        card: what it was made from and what it is good for; a JSON object.
        shapes: of every tensor, by name.
    """

    model: str
    pooling: Pooling
    dimension: int
    card: Mapping[str, Any]
    shapes: Shapes

    @property
    def has_head(self) -> bool:
        """Whether a linear layer follows the pooling."""
        return "head/kernel" in self.shapes

    @property
    def has_whitening(self) -> bool:
        """Whether the vectors are whitened."""
        return "whitening/kernel" in self.shapes


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
        raise WeightsError(f"{path}: the name of an encoder file ends in {SUFFIX}")
    facts = {"format": FORMAT, "model": model, "pooling": pooling, "dimension": dimension, "card": card}
    arrays = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    for name, array in arrays.items():
        if array.dtype.name not in _DTYPES.values():
            raise WeightsError(f"{path}: {name} is {array.dtype.name}, must be float16 or float32")
    _check_numbers(path, arrays)
    _header_of(path, facts, {name: array.shape for name, array in arrays.items()})
    try:
        text = json.dumps(facts, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{path}: the card is not JSON: {error}") from error
    if len(text) > _MAX_HEADER_BYTES // 2:
        raise WeightsError(f"{path}: the card has {len(text)} bytes, at most {_MAX_HEADER_BYTES // 2} fit")
    try:
        write_whole(path, save(arrays, {_KEY: text}))
    except OSError as error:
        raise WeightsError(f"{path} cannot be written: {error.strerror or error}") from error


def check_out(path: Path) -> None:
    """Find out before hours of work what would keep an encoder file from being written after them.

    Raises:
        SettingsError: the name or the folder will not do.
    """
    if path.suffix != SUFFIX or not path.parent.is_dir():
        raise SettingsError(f"--out {path}: must be a name that ends in {SUFFIX}, in a folder that is there")


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
    with _opened(path) as file:
        header = _read_header(path, file)
        tensors = {name: file.get_tensor(name) for name in header.shapes}
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


def tensors_sha256(path: Path) -> str:
    """The SHA-256 of all tensors as they are stored, with their names, hexadecimal. Raises as ``read_header``."""
    with _opened(path) as file:
        return digest_tensors((name, file.get_tensor(name)) for name in sorted(_read_header(path, file).shapes))


def digest_tensors(tensors: Iterable[tuple[str, npt.NDArray[Any]]]) -> str:
    """The SHA-256 of tensors with their names, types and shapes, in the order of their names, hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in tensors:
        digest.update(f"{name} {tensor.dtype.name} {tensor.shape}\n".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():  # a pipe would be waited for
        raise WeightsError(f"{path}: there is no such file")
    try:
        with path.open("rb") as raw:
            claimed = int.from_bytes(raw.read(8), "little")
        if claimed > _MAX_HEADER_BYTES:
            raise WeightsError(f"{path} is no encoder file: a header of {claimed} bytes, limit {_MAX_HEADER_BYTES}")
        with safe_open(path, framework="numpy") as file:
            yield file
    except SafetensorError as error:
        raise WeightsError(f"{path} is damaged or no encoder file: {error}") from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error


def _read_header(path: Path, file: Any) -> EncoderHeader:
    metadata = file.metadata() or {}
    text = metadata.get(_KEY, metadata.get(_OLD_KEY))
    if text is None:
        raise WeightsError(f"{path} is a safetensors file, but no encoder file: its metadata has no key {_KEY!r}")
    slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    for name, part in slices.items():
        if part.get_dtype() not in _DTYPES:
            raise WeightsError(f"{path}: {name} is {part.get_dtype()}, must be F16 or F32")
    return _header_of(path, _parse(path, text), {name: tuple(part.get_shape()) for name, part in slices.items()})


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        facts = json.loads(text)
        json.dumps(facts, allow_nan=False)  # Python reads NaN and 1e999, which are no JSON
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: its metadata is not JSON: {error}") from error
    if not isinstance(facts, dict):
        raise WeightsError(f"{path}: its metadata must be a JSON object")
    return facts


def _header_of(path: Path, facts: Mapping[str, Any], shapes: Shapes) -> EncoderHeader:
    if facts.get("format") != FORMAT:
        raise WeightsError(f"{path} is an encoder file of format {facts.get('format')}; this visop reads {FORMAT}")
    model, pooling, card = facts.get("model"), facts.get("pooling"), facts.get("card")
    dimension = facts.get("dimension")
    if not isinstance(model, str) or not isinstance(card, Mapping):
        raise WeightsError(f"{path}: 'model' must be a text and 'card' an object")
    if not _is_pooling(pooling):
        raise WeightsError(f"{path}: 'pooling' is {pooling!r}, must be one of {', '.join(get_args(Pooling))}")
    if type(dimension) is not int or not 1 <= dimension <= _MAX_DIMENSION:
        raise WeightsError(f"{path}: 'dimension' is {dimension!r}, must be a whole number from 1 to {_MAX_DIMENSION}")
    _check_shapes(path, shapes, pooling, dimension)
    return EncoderHeader(model=model, pooling=pooling, dimension=dimension, card=card, shapes=shapes)


def _is_pooling(value: object) -> TypeGuard[Pooling]:
    return value in get_args(Pooling)


def _check_shapes(path: Path, shapes: Shapes, pooling: str, dimension: int) -> None:
    """Hold the tensors after the backbone to their places; those of the backbone are the model's matter."""
    for name, shape in shapes.items():
        if name not in _SINGLE and not name.startswith("backbone/"):
            raise WeightsError(f"{path}: {name} is no tensor of an encoder; there are backbone/... and {_SINGLE}")
        if 0 in shape:  # its other sides may claim anything
            raise WeightsError(f"{path}: {name} has shape {shape}: there are no numbers in it")
    if "gem/p" in shapes and (pooling != "gem" or shapes["gem/p"] != ()):
        raise WeightsError(f"{path}: gem/p has shape {shapes['gem/p']} and pooling {pooling}, must be () and gem")
    width: int | None = None
    for part in ("head", "whitening"):
        width = _check_linear(path, shapes, part, width)
    if width not in (None, dimension):
        raise WeightsError(f"{path}: 'dimension' is {dimension}, the tensors give {width}")


def _check_linear(path: Path, shapes: Shapes, part: str, width: int | None) -> int | None:
    """The length of vectors after this part: that of the one before if there is no such part."""
    kernel, bias = shapes.get(f"{part}/kernel"), shapes.get(f"{part}/bias")
    if kernel is None and bias is None:
        return width
    if kernel is None or len(kernel) != 2 or bias != kernel[1:] or (width is not None and width != kernel[0]):
        inputs = "inputs" if width is None else str(width)
        rule = f"must be ({inputs}, outputs) and (outputs,)"
        raise WeightsError(f"{path}: {part}/kernel has shape {kernel} and {part}/bias {bias}, {rule}")
    return kernel[1]


def _check_numbers(path: Path, tensors: Tensors) -> None:
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise WeightsError(f"{path} holds NaN or inf, in {name}")
    if "gem/p" in tensors and not (tensors["gem/p"] > 0).all():
        raise WeightsError(f"{path}: gem/p is {tensors['gem/p']}, must be above 0")
