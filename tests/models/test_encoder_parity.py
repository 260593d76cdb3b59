"""A whole encoder file, served, against NumPy on the feature maps of its backbone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.made_once import MakeOnce
from tests.models.conftest import Load, needs, run_program
from tests.models.numpy_descriptors import descriptor_of_several, unit
from tests.models.photos import photos
from visop.models.encoder_file import read_tensors, write_encoder_file
from visop.models.engines import openvino
from visop.models.registry import MODELS
from visop.models.selection import Selection
from visop.settings import Settings

SPEC = MODELS["embedded"]

# On a busy machine it takes minutes to import TensorFlow and to build the model, or to wait for a process that does.
pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Encoder:
    """An encoder file, and what TensorFlow makes of photos with it."""

    path: Path
    tensors: dict[str, np.ndarray]
    images: np.ndarray
    arrays: dict[str, np.ndarray]

    def expected(self) -> np.ndarray:
        """The vectors, by NumPy, from the feature maps."""
        maps = [self.arrays[f"maps{index}"] for index in range(3)]
        vectors = descriptor_of_several(maps, "gem", float(self.tensors["gem/p"]))
        for part in ("head", "whitening"):
            vectors = unit(vectors @ self.tensors[f"{part}/kernel"] + self.tensors[f"{part}/bias"])
        return vectors


def write(path: Path, tensors: dict[str, np.ndarray]) -> None:
    write_encoder_file(path, model="embedded", pooling="gem", dimension=16, tensors=tensors, card={"name": path.name})


def make_encoder(folder: Path) -> None:
    rng = np.random.default_rng(0)
    assert SPEC.shipped
    tensors = {name: each for name, each in read_tensors(SPEC.shipped).items() if name.startswith("backbone/")}
    tensors["gem/p"] = np.array(2.2, np.float32)
    for part, rows, columns in (("head", 256, 32), ("whitening", 32, 16)):
        tensors[f"{part}/kernel"] = rng.standard_normal((rows, columns), np.float32)
        tensors[f"{part}/bias"] = 0.1 * rng.standard_normal(columns, np.float32)
    write(folder / "encoder.safetensors", tensors)
    np.savez(folder / "images.npz", images=photos(SPEC.height, SPEC.width))
    files = [str(folder / name) for name in ("encoder.safetensors", "images.npz", "out.npz")]
    run_program("tests.models.descriptors", "encoder", *files)


@pytest.fixture(scope="module")
def encoder(make_once: MakeOnce) -> Encoder:
    """The backbone that is shipped, with another p, a random head of 32 and random whitening to 16."""
    folder = make_once("encoder", make_encoder)
    path = folder / "encoder.safetensors"
    images, arrays = np.load(folder / "images.npz")["images"], dict(np.load(folder / "out.npz"))
    return Encoder(path, read_tensors(path), images, arrays)


def test_served_vectors_are_those_of_numpy(encoder: Encoder, load: Load) -> None:
    engine = load("embedded", weights=str(encoder.path), precision="f32")
    vectors = np.concatenate([engine(part) for part in np.split(encoder.images, [4, 7, 8])])
    np.testing.assert_allclose(vectors, encoder.expected(), rtol=0, atol=1e-5)


def test_vectors_of_the_gpu_engine_are_those_of_numpy(encoder: Encoder) -> None:
    np.testing.assert_allclose(encoder.arrays["f32"], encoder.expected()[:2], rtol=0, atol=1e-5)
    assert (encoder.arrays["bf16"] * encoder.expected()[:2]).sum(axis=1).min() > 0.99


@needs("bf16")
def test_vectors_in_bf16_are_near_those_in_f32(encoder: Encoder, load: Load) -> None:
    engine = load("embedded", weights=str(encoder.path), precision="bf16")
    vectors = np.concatenate([engine(part) for part in np.split(encoder.images, [4, 8])])
    assert (vectors * encoder.expected()).sum(axis=1).min() > 0.99


def test_the_fingerprint_says_what_there_is_and_changes_with_every_part(encoder: Encoder, tmp_path: Path) -> None:
    found = set()
    for name in ["", "gem/p", "head/bias", "whitening/kernel", "backbone/conv1/bias"]:
        tensors = {key: tensor + np.float32(0.5) * (key == name) for key, tensor in encoder.tensors.items()}
        write(tmp_path / "changed.safetensors", {key: np.asarray(value, np.float32) for key, value in tensors.items()})
        found.add(Selection.of(Settings(weights=str(tmp_path / "changed.safetensors"))).fingerprint("f32"))
    assert all(each.startswith("embedded-file-gem-head-whitened-bilinear-") for each in found)
    assert len(found) == 5


def test_a_second_start_builds_nothing(
    encoder: Encoder, load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load("embedded", weights=str(encoder.path), precision="f32")
    monkeypatch.setattr(openvino, "export_in_subprocess", pytest.fail)
    write(tmp_path / "moved, with another card.safetensors", encoder.tensors)
    load("embedded", weights=str(tmp_path / "moved, with another card.safetensors"), precision="f32")
