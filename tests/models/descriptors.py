"""A program: descriptors computed by Keras, on one of its backends.

    python -m tests.models.descriptors pool BACKEND MAPS.npz OUT.npz

pools every (N, H, W, C) array of MAPS in every way and makes unit vectors, those whose names are the same up to a | as
several maps of the same pictures: on tensorflow by calling the layers; on openvino, channels first, by exporting them,
as serving does, and running OpenVINO.

    python -m tests.models.descriptors encoder ENCODER.safetensors IMAGES.npz OUT.npz

on tensorflow: the feature maps of the backbone of an encoder file, and the vectors of the GPU engine, on the CPU.

    python -m tests.models.descriptors gradient MAPS.npz OUT.npz

on tensorflow, in float64: GeM and its gradients with respect to p and to the maps.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

os.environ.update(KERAS_BACKEND="openvino" if "openvino" in sys.argv else "tensorflow")
os.environ.update(TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="-1")

import keras
import numpy as np

from visop.models import EngineOptions, Selection
from visop.models.pooling import GeneralizedMean, normalise, pool, pool_descriptors
from visop.models.registry import Pooling, Precision
from visop.settings import Settings

# Of which maps the descriptors of one pass are computed, too; every graph takes time.
SIDE_BY_SIDE = ("7x7", "14x7", "several", "zeros")
PRECISIONS: tuple[Precision, ...] = ("f32", "bf16")  # of the GPU engine


def vectors_of(maps: list[Any], pooling: Any) -> Any:
    return pool_descriptors(maps) if pooling == "descriptors" else normalise(pool(maps, pooling))


def pooled(maps: list[np.ndarray], pooling: Any) -> np.ndarray:
    if keras.backend.backend() == "tensorflow":
        return np.asarray(vectors_of(maps, pooling))
    import openvino as ov

    # One input holds all maps side by side: Keras exports no graph of several.
    widths, height = [each.shape[2] for each in maps], max(each.shape[1] for each in maps)
    tall = [np.pad(each, ((0, 0), (0, height - each.shape[1]), (0, 0), (0, 0))) for each in maps]
    side_by_side = np.ascontiguousarray(np.moveaxis(np.concatenate(tall, axis=2), -1, 1))
    given = keras.Input(side_by_side.shape[1:])
    starts = np.cumsum([0, *widths])
    features = [given[:, :, : each.shape[1], starts[i] : starts[i + 1]] for i, each in enumerate(maps)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.xml"
        keras.Model(given, vectors_of(features, pooling)).export(str(path), format="openvino", verbose=False)
        model = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return np.array(model([side_by_side])[0])


def pool_all(maps: Path, out: Path) -> None:
    keras.config.set_image_data_format("channels_first" if keras.backend.backend() == "openvino" else "channels_last")
    arrays = np.load(maps)
    names = {key.partition("|")[0] for key in arrays}
    groups = {name: [arrays[key] for key in arrays if key.partition("|")[0] == name] for name in names}
    ways = [(name, each) for name in names - {"zeros"} for each in get_args(Pooling)]
    ways += [(name, "descriptors") for name in SIDE_BY_SIDE]
    write(out, {f"{name} {each}": pooled(groups[name], each) for name, each in ways})


def run_encoder(file: Path, images: Path, out: Path) -> None:
    from visop.models.engines.keras import KerasEngine
    from visop.models.graph import build_backbone
    from visop.models.loading import load_weights

    settings = Settings(weights=str(file), max_batch=2)
    selection, options = Selection.of(settings), EngineOptions.of(settings)
    spec, weights, pooling = selection.spec, selection.weights, selection.pooling
    pixels = np.load(images)["images"]
    backbone = build_backbone(spec)
    load_weights(spec, backbone, weights)
    vectors = {
        precision: KerasEngine(spec, weights, pooling, replace(options, precision=precision), device="CPU")(pixels[:2])
        for precision in PRECISIONS
    }
    maps = backbone(pixels.astype(np.float32))
    maps = maps if isinstance(maps, list) else [maps]
    write(out, {f"maps{index}": np.asarray(each) for index, each in enumerate(maps)} | vectors)


def gradient(maps: Path, out: Path) -> None:
    import tensorflow as tf

    features = tf.constant(np.load(maps)["maps"], "float64")
    layer = GeneralizedMean(2.5, dtype="float64")
    with tf.GradientTape() as tape:
        tape.watch(features)
        vectors = layer([features])
        total = tf.reduce_sum(vectors * tf.constant(np.load(maps)["weights"], "float64"))
    by_p, by_maps = tape.gradient(total, [layer.p.value, features])
    write(out, {"vectors": vectors, "by_p": by_p, "by_maps": by_maps})


def write(out: Path, arrays: Mapping[str, Any]) -> None:
    np.savez(out, allow_pickle=False, **arrays)


if __name__ == "__main__":
    program, *paths = sys.argv[1], *map(Path, sys.argv[3 if sys.argv[1] == "pool" else 2 :])
    programs: dict[str, Callable[..., None]] = {"pool": pool_all, "encoder": run_encoder, "gradient": gradient}
    programs[str(program)](*paths)
