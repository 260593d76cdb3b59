"""Files as ``torch.save`` writes them, without PyTorch: both layouts, of a state dictionary."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from visop.processors.boxes import Floats

# The one in Python, of which methods can be replaced.
_Python: Any = pickle._Pickler


class _Stub:
    """Something that a pickle names and that is not there."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _Pickler(_Python):  # type: ignore[misc]
    """Writes stubs by their names, and tensors as PyTorch does."""

    dispatch: ClassVar[dict[type, Any]] = dict(_Python.dispatch)

    def __init__(self, file: io.BytesIO, old: bool) -> None:
        super().__init__(file, protocol=2)
        self._old = old

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, tuple) and value[:1] == ("storage",):
            return value + ((None,) if self._old else ())
        return None

    def _save_stub(self, value: _Stub) -> None:
        self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())
        self.memoize(value)

    dispatch[_Stub] = _save_stub

    def _save_tensor(self, value: Tensor | Described) -> None:
        self.save(REBUILD)
        self.save(value.arguments())
        self.write(pickle.REDUCE)


REBUILD, FLOATS, HALVES = (
    _Stub("torch._utils", "_rebuild_tensor_v2"),
    _Stub("torch", "FloatStorage"),
    _Stub("torch", "HalfStorage"),
)


class Tensor:
    """A tensor on its way into a file."""

    def __init__(self, key: str, array: np.ndarray) -> None:
        self.key, self.array = key, np.ascontiguousarray(array)

    def arguments(self) -> tuple[Any, ...]:
        kind = HALVES if self.array.dtype == np.float16 else FLOATS
        storage = ("storage", kind, self.key, "cpu", self.array.size)
        strides = tuple(each // self.array.itemsize for each in self.array.strides)
        return storage, 0, self.array.shape, strides, False, OrderedDict()


class Described:
    """What a file says of a tensor, right or wrong."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    def arguments(self) -> tuple[Any, ...]:
        return self._arguments


_Pickler.dispatch |= {Tensor: _Pickler._save_tensor, Described: _Pickler._save_tensor}


def pickled(value: Any, *, old: bool = False) -> bytes:
    """As PyTorch pickles it."""
    file = io.BytesIO()
    _Pickler(file, old).dump(value)
    return file.getvalue()


def write_torch_file(path: Path, tensors: dict[str, Floats], *, old: bool = False) -> None:
    """A file of these tensors, of which each has a storage of its own."""
    state = OrderedDict((name, Tensor(str(number), each)) for number, (name, each) in enumerate(tensors.items()))
    state._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
    storages = {tensor.key: tensor.array for tensor in state.values()}
    if old:
        parts = [pickled(0x1950A86A20F9469CFC6C), pickled(1001)]
        parts += [pickled({"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}})]
        parts += [pickled(state, old=True), pickled(list(storages))]
        parts += [struct.pack("<q", each.size) + each.tobytes() for each in storages.values()]
        path.write_bytes(b"".join(parts))
        return
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("model/data.pkl", pickled(state))
        archive.writestr("model/byteorder", "little")
        for key, each in storages.items():
            archive.writestr(f"model/data/{key}", each.tobytes())
        archive.writestr("model/version", "3\n")
