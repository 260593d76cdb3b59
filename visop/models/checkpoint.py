"""Variables out of a checkpoint of TensorFlow 1 or 2.

It is files ``NAME.index`` and ``NAME.data-00000-of-0000N``, or a zip archive of these.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from visop.errors import UsageError, WeightsError
from visop.models.tensor_file import Shapes

_INDEX = ".index"

# Of a file in an archive, in bytes: the published one has 100 MB.
_MOST = 1 << 30


def read_checkpoint(path: Path, shapes: Shapes) -> dict[str, npt.NDArray[np.float32]]:
    """Variables by name.

    Args:
        path: the name that the files have in common, the index, or a zip archive of the files.
        shapes: of those that are read; others, such as those of an optimiser, are left.

    Raises:
        WeightsError: it is damaged, or a variable is missing or has another shape or type.
        UsageError: TensorFlow is not installed.
    """
    with _files(path) as prefix:
        reader = _reader(path, prefix)
        found = reader.get_variable_to_shape_map()
        for name, shape in shapes.items():
            if tuple(found.get(name, ())) != shape:
                given = tuple(found[name]) if name in found else None
                raise WeightsError("", "", f"{path}: {name} has shape {given}, must be {shape}")
        return {name: _variable(path, reader, name) for name in shapes}


def checkpoint_files(path: Path) -> list[Path]:
    """The files of a checkpoint, in the order of their names; none if there is none of that name."""
    if path.suffix == ".zip":
        return [path] if path.is_file() else []
    name = path.name.removesuffix(_INDEX)
    index = path.with_name(name + _INDEX)
    return [index, *sorted(path.parent.glob(f"{name}.data-*-of-*"))] if index.is_file() else []


@contextmanager
def _files(path: Path) -> Iterator[str]:
    """The name that the files have in common; of an archive, of files in a folder that goes in the end."""
    if path.suffix != ".zip":
        yield str(path).removesuffix(_INDEX)
        return
    with tempfile.TemporaryDirectory(prefix="visop-") as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                yield _unpacked(path, archive, Path(folder))
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            raise WeightsError("", "", f"{path} is damaged, or no archive of a checkpoint: {error}") from error


def _unpacked(path: Path, archive: zipfile.ZipFile, folder: Path) -> str:
    members = [each for each in archive.infolist() if not each.is_dir()]
    indexes = [each for each in members if each.filename.endswith(_INDEX)]
    if len(indexes) != 1:
        raise WeightsError("", "", f"{path} holds {len(indexes)} checkpoints, must be 1")
    name = os.path.basename(indexes[0].filename).removesuffix(_INDEX)
    for member in members:
        file = os.path.basename(member.filename)
        if file.startswith((f"{name}.index", f"{name}.data-")):
            if member.file_size > _MOST:
                raise WeightsError("", "", f"{path}: {file} has {member.file_size} bytes, at most {_MOST} are read")
            with archive.open(member) as source, (folder / file).open("wb") as target:
                shutil.copyfileobj(source, target)
    return str(folder / name)


def _reader(path: Path, prefix: str) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow as tf
    except ModuleNotFoundError:
        why = "TensorFlow is not installed, which reads checkpoints: pip install tensorflow-cpu; `visop convert` makes "
        raise UsageError("", "", f"{path}: {why}a file of it that needs none") from None
    try:
        return tf.train.load_checkpoint(prefix)
    except (tf.errors.OpError, ValueError) as error:
        raise WeightsError("", "", f"{path} is damaged, or no checkpoint: {_first_line(error)}") from error


def _variable(path: Path, reader: Any, name: str) -> npt.NDArray[np.float32]:
    import tensorflow as tf

    try:
        array = reader.get_tensor(name)
    except (tf.errors.OpError, ValueError) as error:
        raise WeightsError("", "", f"{path} is damaged, in {name}: {_first_line(error)}") from error
    if array.dtype != np.float32:
        raise WeightsError("", "", f"{path}: {name} is {array.dtype}, must be float32")
    return np.asarray(array)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
