"""Weights out of a file of ``torch.save``, in both of its layouts. PyTorch is not needed, and nothing is executed."""

from __future__ import annotations

import math
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from visop.errors import WeightsError
from visop.models.tensor_file import Shapes
from visop.processors.boxes import Floats
from visop.processors.ssd.torch_pickle import REBUILD, STORAGES, Called, Name, Stored, read_pickle

# Of the description of the tensors, in bytes: torchvision's has some 10,000.
_MOST_DESCRIBED = 16 << 20

# What the layout from before PyTorch 1.6 begins with.
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def read_torch_file(path: Path, shapes: Shapes) -> dict[str, Floats]:
    """Tensors of a state dictionary by name, as float32.

    Args:
        path: of the file.
        shapes: of those that are read; others are left.

    Raises:
        WeightsError: it is damaged, has something else than tensors, or something that a loader would execute; or a
            tensor is missing or has another shape.
    """
    try:
        if zipfile.is_zipfile(path):
            return _read_zip(path, shapes)
        with path.open("rb") as file:
            return _read_old(file, path.stat().st_size, shapes)
    except WeightsError as error:
        raise WeightsError("", "", f"{path} is no file of weights that can be read: {error}") from error
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError) as error:
        raise WeightsError("", "", f"{path} is damaged, or no file of weights: {error}") from error


def _read_zip(path: Path, shapes: Shapes) -> dict[str, Floats]:
    """One file of the archive describes the tensors, one each has the bytes of a storage."""
    with zipfile.ZipFile(path) as archive:
        [described] = [each for each in archive.infolist() if each.filename.count("/") == 1 and _is_description(each)]
        folder = described.filename.partition("/")[0]
        if described.file_size > _MOST_DESCRIBED:
            raise WeightsError("", "", f"it describes its tensors in {described.file_size} bytes")
        if f"{folder}/byteorder" in archive.namelist() and archive.read(f"{folder}/byteorder") != b"little":
            raise WeightsError("", "", "its numbers are big-endian")
        with archive.open(described) as file:
            calls = _calls(read_pickle(file))  # type: ignore[arg-type]  # IO[bytes] reads as BinaryIO does

        def stored(key: str, size: int) -> bytes:
            member = archive.getinfo(f"{folder}/data/{key}")
            # PyTorch never compresses, so that no small file can unpack to a large one.
            if member.compress_type != zipfile.ZIP_STORED or member.file_size != size:
                raise WeightsError("", "", f"storage {key} has {member.file_size} bytes, {size} are described")
            return archive.read(member)

        return _tensors(calls, shapes, stored)


def _is_description(member: zipfile.ZipInfo) -> bool:
    return member.filename.endswith("/data.pkl")


def _read_old(file: BinaryIO, size: int, shapes: Shapes) -> dict[str, Floats]:
    """Pickles, one after the other, and behind them the storages in the order of their keys."""
    magic, protocol, system, described, keys = (read_pickle(file) for _ in range(5))
    if (magic, protocol) != (_MAGIC, _PROTOCOL) or system.get("little_endian") is not True:
        raise WeightsError("", "", "it was not written by torch.save on a little-endian machine")
    calls = _calls(described)
    widths = {each.arguments[0].key[2]: np.dtype(_dtype(each)).itemsize for each in calls.values()}
    storages = {}
    for key in keys:
        count = int.from_bytes(file.read(8), "little")
        if file.tell() + count * widths[key] > size:
            raise WeightsError("", "", "it is cut short")
        storages[key] = file.read(count * widths[key])

    def stored(key: str, size: int) -> bytes:
        if len(storages[key]) != size:
            raise WeightsError("", "", f"storage {key} has {len(storages[key])} bytes, {size} are described")
        return storages[key]

    return _tensors(calls, shapes, stored)


def _calls(described: Any) -> dict[str, Called]:
    if not isinstance(described, Mapping) or not all(isinstance(each, str) for each in described):
        raise WeightsError("", "", "it holds something else than tensors by name")
    for name, each in described.items():
        if not (isinstance(each, Called) and each.name == REBUILD and isinstance(each.arguments[0], Stored)):
            raise WeightsError("", "", f"{name} is no tensor")
    return dict(described)


def _dtype(call: Called) -> str:
    kind = call.arguments[0].key[1]
    if not isinstance(kind, Name) or kind.name not in STORAGES:
        raise WeightsError("", "", "a tensor is neither of float32 nor of float16")
    return STORAGES[kind.name]


def _tensors(calls: Mapping[str, Called], shapes: Shapes, stored: Callable[[str, int], bytes]) -> dict[str, Floats]:
    for name, shape in shapes.items():
        found = tuple(calls[name].arguments[2]) if name in calls else None
        if found != shape:
            raise WeightsError("", "", f"{name} has shape {found}, must be {shape}")
    return {name: _tensor(name, calls[name], stored) for name in shapes}


def _tensor(name: str, call: Called, stored: Callable[[str, int], bytes]) -> Floats:
    storage, offset, shape, strides = call.arguments[:4]
    dtype, (_, _, key, _, count, *_) = np.dtype(_dtype(call)), storage.key
    contiguous = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    needed = math.prod(shape)
    whole = all(type(each) is int and each >= 0 for each in (offset, count, *shape))
    if not whole or list(strides) != contiguous or offset + needed > count or count > sys.maxsize // 8:
        raise WeightsError("", "", f"{name} does not lie in its storage in one piece")
    numbers = np.frombuffer(stored(str(key), count * dtype.itemsize), dtype, needed, offset * dtype.itemsize)
    return numbers.reshape(shape).astype(np.float32)
