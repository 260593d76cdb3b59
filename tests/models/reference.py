"""A program: vectors of plain keras.applications on TensorFlow, the reference for everything else.

    python -m tests.models.reference vectors FOLDER MODEL...

writes for each model FOLDER/MODEL.h5, seeded He-normal weights in the layout of the published files, and
FOLDER/MODEL.npz with pictures, vectors, and what our GPU engine answers on TensorFlow's CPU device.

    python -m tests.models.reference golden [MODEL...]

writes tests/data/golden/MODEL.json anew, from the weights that OP_WEIGHTS=random means.

It is a program because TensorFlow must not enter the process of the tests.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="-1")

import h5py
import keras
import numpy as np
import tensorflow as tf

from tests.models.photos import GOLDEN_PHOTOS, golden_photos, photos
from visop.files import file_sha256
from visop.models import EngineOptions
from visop.models.engines.keras import KerasEngine
from visop.models.random_weights import set_random_weights
from visop.models.registry import MODELS, ModelSpec
from visop.models.weights import RANDOM_SEED, Weights
from visop.settings import Settings

GOLDEN = Path(__file__).parents[1] / "data" / "golden"

# Where keras.applications keeps preprocess_input, if not in a module of the model's own name.
FAMILY = {"resnet50": "resnet", "mobilenetv2": "mobilenet_v2", "efficientnetv2b0": "efficientnet_v2"}


def published_way(spec: ModelSpec, weights: Path, images: np.ndarray, pooling: str) -> np.ndarray:
    """What everybody writes: preprocess_input, predict, divide by the norm."""
    preprocess_input = getattr(keras.applications, FAMILY.get(spec.name, spec.name)).preprocess_input
    model = getattr(keras.applications, spec.constructor)(weights=None, include_top=False, pooling=pooling)
    model.load_weights(weights)
    vectors = model.predict(preprocess_input(images.astype(np.float32)), batch_size=4, verbose=0)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def write_published_layout(path: Path, spec: ModelSpec, seed: int) -> None:
    """As ``save_weights`` of Keras 1 and 2 did: a group per layer, in order, its arrays by name."""
    backbone = getattr(keras.applications, spec.constructor)(weights=None, include_top=False)
    set_random_weights(backbone, seed)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in backbone.layers]
        file.attrs.update(backend=b"tensorflow", keras_version=b"2.2.4")
        for layer in backbone.layers:
            _write_layer(file.create_group(layer.name), layer)


def _write_layer(group: Any, layer: Any) -> None:
    variables = {
        f"{layer.name}/{each.name}:0": each.numpy() for each in [*layer.trainable_weights, *layer.non_trainable_weights]
    }
    group.attrs["weight_names"] = [name.encode() for name in variables]
    for name, value in variables.items():
        group[name] = value


def gpu_engine(spec: ModelSpec, weights: Path, images: np.ndarray, precision: Any) -> np.ndarray:
    """In batches of 4, 3, 1 and 4; 3 is not among the traced sizes."""
    found = Weights("file", weights, file_sha256(weights))
    options = EngineOptions.of(Settings(precision=precision, max_batch=4))
    engine = KerasEngine(spec, found, spec.pooling, options, device="CPU")
    return np.concatenate([engine(part) for part in np.split(images, [4, 7, 8])])


def write_vectors(folder: Path, names: list[str]) -> None:
    for spec in (MODELS[name] for name in names):
        images, weights = photos(spec.height, spec.width), folder / f"{spec.name}.h5"
        write_published_layout(weights, spec, seed=7)
        np.savez(
            folder / f"{spec.name}.npz",
            images=images,
            avg=published_way(spec, weights, images, "avg"),
            max=published_way(spec, weights, images, "max"),
            engine_f32=gpu_engine(spec, weights, images, "f32"),
            engine_bf16=gpu_engine(spec, weights, images, "bf16"),
        )


def write_golden(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for spec in (MODELS[name] for name in names or (name for name in MODELS if MODELS[name].weights_url)):
            weights = Path(folder) / "weights.h5"
            write_published_layout(weights, spec, RANDOM_SEED)
            vectors = published_way(spec, weights, golden_photos(spec.height, spec.width), "avg")
            golden = {
                "made_by": f"keras.applications.{spec.constructor}",
                "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
                "input": f"the middle {spec.width} x {spec.height} pixels of scikit-image's photos",
                "weights": "random",
                "pooling": "avg",
                "tolerance": 1e-5,
                "first_values": {
                    name: [round(float(value), 8) for value in vector[:16]]
                    for name, vector in zip(GOLDEN_PHOTOS, vectors, strict=True)
                },
            }
            (GOLDEN / f"{spec.name}.json").write_text(json.dumps(golden, indent=2) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "golden":
        write_golden(sys.argv[2:])
    else:
        write_vectors(Path(sys.argv[2]), sys.argv[3:])
