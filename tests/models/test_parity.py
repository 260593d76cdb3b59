"""The same vectors as plain keras.applications, whatever computes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.models.conftest import Load, Reference, needs
from tests.models.photos import golden_photos
from visop.models.registry import MODELS
from visop.models.selection import Selection
from visop.settings import Settings
from visop.training.convert import convert

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
# What the fast tests hold to its golden file; the comparison with Keras itself needs TensorFlow, and half a minute.
FAST = ("mobilenetv2",)
PUBLISHED = {name: spec for name, spec in MODELS.items() if spec.weights_url}
EVERY_MODEL = [pytest.param(name, marks=(pytest.mark.slow, pytest.mark.timeout(300))) for name in PUBLISHED]

Make = Callable[[str], Reference]

# What the mean of the centred cosines of bf16 with f32 must reach. Thin and separable layers lose more to the rounding
# of weights, in TensorFlow's bf16 just as in OpenVINO's; there OP_PRECISION=auto stays in f32.
BF16_LEAST = {name: 0.998 if "bf16" in spec.space else 0.93 for name, spec in PUBLISHED.items()}


def encode(engine: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    return np.concatenate([engine(images[start : start + 4]) for start in range(0, len(images), 4)])


def centred_cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosines after each set's mean is removed: a random network maps all photos to nearly the same direction."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.parametrize("pooling", ["avg", "max"])
@pytest.mark.parametrize("model", EVERY_MODEL)
def test_f32_agrees_with_keras_on_the_same_weights(model: str, pooling: str, reference: Make, load: Load) -> None:
    expected = reference(model)
    vectors = encode(load(model, weights=expected.weights, pooling=pooling, precision="f32"), expected.arrays["images"])
    np.testing.assert_allclose(vectors, expected.arrays[pooling], rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@needs("bf16")
@pytest.mark.parametrize("model", EVERY_MODEL)
def test_bf16_keeps_the_photos_apart(model: str, reference: Make, load: Load) -> None:
    expected = reference(model)
    vectors = encode(load(model, weights=expected.weights, precision="bf16"), expected.arrays["images"])
    assert centred_cosines(vectors, expected.arrays["avg"]).mean() >= BF16_LEAST[model]


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_the_gpu_engine_agrees_with_keras_on_the_same_weights(model: str, reference: Make) -> None:
    arrays = reference(model).arrays
    np.testing.assert_allclose(arrays["engine_f32"], arrays["avg"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("model", EVERY_MODEL)
def test_the_gpu_engine_keeps_the_photos_apart_in_bf16(model: str, reference: Make) -> None:
    arrays = reference(model).arrays
    assert arrays["engine_bf16"].dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(arrays["engine_bf16"], axis=1), 1, atol=1e-6)
    assert centred_cosines(arrays["engine_bf16"], arrays["avg"]).mean() >= BF16_LEAST[model]


@pytest.mark.slow
@pytest.mark.timeout(300)
@needs("int8")
@pytest.mark.parametrize("model", [name for name, spec in PUBLISHED.items() if spec.has_int8])
def test_int8_keeps_the_photos_apart(model: str, reference: Make, load: Load, tmp_path: Path) -> None:
    expected, with_ranges = reference(model), tmp_path / "with-ranges.safetensors"
    convert(Selection.of(Settings(model=model, weights=expected.weights)), with_ranges)
    vectors = encode(load(model, weights=str(with_ranges), precision="int8"), expected.arrays["images"])
    assert centred_cosines(vectors, expected.arrays["avg"]).mean() >= 0.99


@pytest.mark.slow
@needs("bf16")
def test_vgg_in_bf16_keeps_every_photo_where_it_was(load: Load) -> None:
    images = golden_photos(224, 224)
    f32, bf16 = (load("vgg16", precision=precision)(images) for precision in ("f32", "bf16"))
    assert centred_cosines(bf16, f32).min() >= 0.998


@pytest.mark.parametrize(
    "model", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in PUBLISHED]
)
def test_the_vectors_are_those_of_the_golden_file(model: str, load: Load) -> None:
    golden = json.loads((GOLDEN / f"{model}.json").read_text())
    spec = MODELS[model]
    vectors = load(model, precision="f32", weights=golden["weights"], pooling=golden["pooling"])(
        golden_photos(spec.height, spec.width)
    )
    expected = np.array(list(golden["first_values"].values()))
    np.testing.assert_allclose(vectors[:, :16], expected, rtol=0, atol=golden["tolerance"])
