"""Files of PyTorch, which are read as data. That the writer here writes as PyTorch does was compared with 1.13."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.processors.ssd.torch_files import Described, Tensor, pickled, write_torch_file
from visop.errors import WeightsError
from visop.processors.ssd.torch_file import read_torch_file

TENSORS: dict[str, np.ndarray] = {
    "head.weight": np.random.default_rng(0).standard_normal((4, 3, 2, 2), np.float32),
    "head.bias": np.arange(4, dtype=np.float32),
    "scale": np.arange(3, dtype=np.float16),
}
SHAPES = {name: each.shape for name, each in TENSORS.items()}


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before 1.6"])
def test_tensors_are_read_from_both_layouts(tmp_path: Path, old: bool) -> None:
    path = tmp_path / "model.pth"
    write_torch_file(path, TENSORS, old=old)
    found = read_torch_file(path, SHAPES)
    for name, expected in TENSORS.items():
        np.testing.assert_array_equal(found[name], expected)
        assert found[name].dtype == np.float32
    assert list(read_torch_file(path, {"head.bias": (4,)})) == ["head.bias"]


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/must-not-be-there",)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before 1.6"])
def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path, old: bool) -> None:
    path, ran = tmp_path / "model.pth", tmp_path / "ran"
    state = pickle.dumps({"head.bias": Bomb()}, 2).replace(b"/tmp/must-not-be-there", str(ran).encode()[:22].ljust(22))
    if old:
        path.write_bytes(pickled(0x1950A86A20F9469CFC6C) + pickled(1001) + pickled({"little_endian": True}) + state)
    else:
        archive_of(path, state)
    with pytest.raises(WeightsError, match=r"names '(posix|nt)\.system', which no file of weights needs"):
        read_torch_file(path, SHAPES)
    assert not ran.exists()


def archive_of(path: Path, description: bytes, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", description)
        for name, content in members.items():
            archive.writestr(f"model/data/{name}", content)


def one(**changed: Any) -> bytes:
    """The description of one tensor of two numbers, in which something is wrong."""
    storage, *facts = Tensor("0", np.zeros(2, np.float32)).arguments()
    names = ("offset", "shape", "strides")
    facts[:3] = [changed.get(name, fact) for name, fact in zip(names, facts, strict=False)]
    return pickled({"a": Described((*storage[:4], changed.get("count", 2)), *facts)})


@pytest.mark.parametrize(
    ("description", "why"),
    [
        (one(offset=1), "does not lie in its storage in one piece"),
        (one(offset=-1), "does not lie in its storage"),
        (one(strides=(0,)), "does not lie in its storage"),
        (one(count=3), "storage 0 has 8 bytes, 12 are described"),
        (one(count=1 << 62), "does not lie in its storage"),
        (one(shape=(3,)), "a has shape"),
        (pickled({"a": 3}), "a is no tensor"),
        (pickled([1, 2]), "something else than tensors"),
        (pickled({}), "a has shape None, must be"),
        (pickle.dumps({"a": 1}, 4), "has the instruction FRAME"),
        (b"\x80\x02}q\x00", "damaged"),
        (b"", "damaged"),
        (b"\x80\x02r\xff\xff\xff\x7f.", "damaged"),
        (b"\x80\x020.", "has the instruction POP"),
    ],
    ids=range(14),
)
def test_a_description_that_is_wrong_is_refused(tmp_path: Path, description: bytes, why: str) -> None:
    path = tmp_path / "model.pth"
    archive_of(path, description, **{"0": bytes(8)})
    with pytest.raises(WeightsError, match=why):
        read_torch_file(path, {"a": (2,)})


def test_what_is_no_file_of_torch_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    for content in (b"", b"<html>404</html>", bytes(1000), b"PK\x03\x04" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"model\.pth"):
            read_torch_file(path, SHAPES)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "before 1.6"])
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, old: bool) -> None:
    path = tmp_path / "model.pth"
    write_torch_file(path, TENSORS, old=old)
    path.write_bytes(path.read_bytes()[: -200 if not old else -3])
    with pytest.raises(WeightsError):
        read_torch_file(path, SHAPES)
