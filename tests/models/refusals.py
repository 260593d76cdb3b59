"""A program: what loading says to weights files that are wrong, each made from a right one.

    python -m tests.models.refusals FOLDER

prints {case: what was said} as JSON, where null means taken, and every weight is right. It is a program because Keras
must not enter the process of the tests.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "openvino"

import h5py
import keras
import numpy as np

from visop.errors import WeightsError
from visop.models.encoder_file import write_encoder_file
from visop.models.graph import build_backbone, build_encoder
from visop.models.loading import backbone_tensors, load_weights
from visop.models.random_weights import set_random_weights
from visop.models.registry import MODELS
from visop.models.weights import find_weights

SPEC = MODELS["mobilenetv2"]

# A description of a model that runs code if Keras deserialises it without its safe mode.
CODE = "__import__('pathlib').Path('executed').touch()"
WITH_CODE = json.dumps({"module": "keras.layers", "class_name": "Lambda", "config": {"function": CODE}})


def edited(path: Path, content: bytes, edit: Callable[[h5py.File], None]) -> None:
    path.write_bytes(content)
    with h5py.File(path, "r+") as file:
        edit(file)


def first_array(file: h5py.File) -> h5py.Dataset:
    found: list[h5py.Dataset] = []
    file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    return found[0]


def write_nan(file: h5py.File) -> None:
    first_array(file)[...] = np.nan


def forge_a_size(file: h5py.File) -> None:
    """A petabyte that takes no room in the file."""
    array = first_array(file)
    name, group = array.name, file
    del file[name]
    group.create_dataset(name, (1 << 25, 1 << 25), np.float32, chunks=(1024, 1024), fillvalue=1.0)


def transpose(file: h5py.File) -> None:
    array = first_array(file)
    name, value = array.name, array[...]
    del file[name]
    file[name] = np.moveaxis(value, 0, -1)[..., None]


def link_elsewhere(file: h5py.File) -> None:
    name = first_array(file).name
    del file[name]
    file[name] = h5py.ExternalLink("/etc/passwd", "/")


def add_training_state(file: h5py.File) -> None:
    file["optimizer/vars/0"] = np.zeros(3, np.float32)


def archive(path: Path, **members: str | bytes) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "."), content)


def make_files(folder: Path, backbone: Any) -> None:
    """One file per case, named for it."""
    backbone.save_weights(folder / "right.weights.h5")
    right = (folder / "right.weights.h5").read_bytes()
    archive(folder / "right.keras", config__json="{}", model__weights__h5=right)
    archive(folder / "no weights.keras", config__json="{}")
    archive(folder / "with code.keras", config__json=WITH_CODE, model__weights__h5=right)
    (folder / "cut short.h5").write_bytes(right[:-1000])
    (folder / "cut short.keras").write_bytes((folder / "right.keras").read_bytes()[:-1000])
    (folder / "only the beginning.h5").write_bytes(right[:64])
    edited(folder / "nan.weights.h5", right, write_nan)
    edited(folder / "forged size.weights.h5", right, forge_a_size)
    edited(folder / "other shape.weights.h5", right, transpose)
    edited(folder / "external link.weights.h5", right, link_elsewhere)
    edited(folder / "after training.weights.h5", right, add_training_state)
    keras.applications.MobileNetV2(weights=None).save_weights(folder / "with classifier.weights.h5")


def make_encoder_files(folder: Path, backbone: Any) -> None:
    right = backbone_tensors(backbone)
    lacking = {name: tensor for name, tensor in right.items() if name != "backbone/Conv1/kernel"}
    cases = {
        "right": right,
        "lacks a weight": lacking,
        "one more weight": right | {"backbone/Conv0/kernel": np.zeros(1, np.float32)},
        "other shape": right | {"backbone/Conv1/kernel": np.zeros((1, 3, 3, 32), np.float32)},
        "head of another": right | linear("head", 99),
        "whitening of another": right | linear("whitening", 99),
    }
    for name, tensors in cases.items():
        dimension = 4 if "of another" in name else 1280
        path = folder / f"{name}.safetensors"
        write_encoder_file(path, model=SPEC.name, pooling="avg", dimension=dimension, tensors=tensors, card={})


def linear(part: str, inputs: int) -> dict[str, np.ndarray]:
    return {f"{part}/kernel": np.zeros((inputs, 4), np.float32), f"{part}/bias": np.zeros(4, np.float32)}


def main(folder: Path) -> None:
    backbone = build_backbone(SPEC)
    set_random_weights(backbone)
    right = backbone.get_weights()
    make_files(folder, backbone)
    make_encoder_files(folder, backbone)
    os.chdir(folder)
    answers = {path.name: answer(path, backbone, right) for path in sorted(folder.iterdir())}
    print(json.dumps(answers | {"executed": Path("executed").exists()}))


def answer(path: Path, backbone: Any, right: list[np.ndarray]) -> str | None:
    set_random_weights(backbone, seed=99)
    try:
        rest = load_weights(SPEC, backbone, find_weights(SPEC, str(path), path.parent))
        if rest:
            build_encoder(SPEC, backbone, "avg", rest)
    except WeightsError as error:
        return str(error)
    same = all(np.array_equal(a, b) for a, b in zip(backbone.get_weights(), right, strict=True))
    return None if same else "taken, and wrong"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
