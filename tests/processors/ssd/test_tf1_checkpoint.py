"""Checkpoints of TensorFlow 1, written by its own saver. TensorFlow takes seconds to import: slow."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from visop.errors import WeightsError
from visop.models.checkpoint import checkpoint_files, read_checkpoint
from visop.processors.boxes import Floats
from visop.processors.ssd.published_names import tf1_name
from visop.processors.ssd.random_weights import random_tensors
from visop.processors.ssd.variants import SSD300_VOC
from visop.processors.ssd.weights import SsdWeights

pytestmark = pytest.mark.slow

NETWORK = replace(SSD300_VOC, divisor=32)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Floats]]:
    """A narrow network under the names of the original, with what an optimiser leaves beside it."""
    tf = pytest.importorskip("tensorflow")
    tensors = random_tensors(NETWORK.shapes, seed=5)
    path = tmp_path_factory.mktemp("checkpoint") / "model.ckpt"
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, each in tensors.items():
            tf.compat.v1.get_variable(tf1_name(name), initializer=each)
            tf.compat.v1.get_variable(f"{tf1_name(name)}/Momentum", initializer=np.zeros_like(each))
        tf.compat.v1.get_variable("global_step", initializer=np.int64(120_000))
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(write_version=tf.compat.v1.train.SaverDef.V2).save(
            session, str(path), write_meta_graph=False
        )
    return path, tensors


def zipped(path: Path, folder: Path) -> Path:
    archive = folder / "ssd_300_vgg.ckpt.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for each in checkpoint_files(path):
            file.write(each, each.name)
    return archive


def test_a_checkpoint_is_read_by_the_names_of_its_variables(
    saved: tuple[Path, dict[str, Floats]], tmp_path: Path
) -> None:
    path, tensors = saved
    for each in (path, path.with_name("model.ckpt.index"), zipped(path, tmp_path)):
        found = SsdWeights(NETWORK, "file", each, "").tensors()
        assert found.keys() == tensors.keys()
        for name, expected in tensors.items():
            np.testing.assert_array_equal(found[name], expected)


def test_a_checkpoint_of_another_network_is_refused(saved: tuple[Path, dict[str, Floats]]) -> None:
    with pytest.raises(WeightsError, match=r"conv1_1/weights has shape \(3, 3, 3, 2\), must be \(3, 3, 3, 64\)"):
        SsdWeights(SSD300_VOC, "file", saved[0], "").tensors()
    with pytest.raises(WeightsError, match="other has shape None"):
        read_checkpoint(saved[0], {"other": (1,)})
    with pytest.raises(WeightsError, match="global_step is int64, must be float32"):
        read_checkpoint(saved[0], {"global_step": ()})


def test_a_damaged_checkpoint_is_refused(saved: tuple[Path, dict[str, Floats]], tmp_path: Path) -> None:
    shapes = {tf1_name(name): each.shape for name, each in saved[1].items()}
    for each in checkpoint_files(saved[0]):
        (tmp_path / each.name).write_bytes(each.read_bytes()[: -each.stat().st_size // 2])
    with pytest.raises(WeightsError):
        read_checkpoint(tmp_path / "model.ckpt", shapes)
    archive = zipped(saved[0], tmp_path)
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="damaged, or no archive"):
        read_checkpoint(archive, shapes)


def test_an_archive_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "empty.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("readme.txt", "nothing")
    with pytest.raises(WeightsError, match="holds 0 checkpoints"):
        read_checkpoint(archive, {"a": (1,)})
