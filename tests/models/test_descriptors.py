"""Several descriptors of one pass of an encoder: the pass is one, and the map is that of Keras."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.models.conftest import run_program
from tests.models.numpy_descriptors import descriptor_of_several, unit
from visop.contract import Encoder
from visop.errors import ModelFailed, SettingsError
from visop.models import Selection
from visop.models.built_in_encoder import BuiltInEncoder
from visop.models.export import MODEL_FILE
from visop.models.registry import DESCRIPTORS, MODELS
from visop.settings import Settings
from visop.training.convert import convert
from visop.training.whiten import find_base

SHIPPED = MODELS["embedded"].shipped or Path()


def pictures(count: int, side: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, side, side, 3), np.uint8)


def loaded(cache: Path, **settings: object) -> BuiltInEncoder:
    given = {"pooling": "descriptors", "device": "cpu", "cache_dir": cache, **settings}
    encoder = BuiltInEncoder(Settings(**given))  # type: ignore[arg-type]
    encoder.load()
    return encoder


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_model_has_them(model: str) -> None:
    selection = Selection.of(Settings(model=model, weights="random", pooling="descriptors"))
    assert selection.spec.dimension == 4 * MODELS[model].dimension
    assert selection.descriptors == ("MAC", "SPoC", "R-MAC", "RA-MAC")
    assert selection.fingerprint("f32").startswith(f"{model}-random-descriptors-bilinear-")


def test_of_an_encoder_file_they_are_of_the_feature_map_and_not_of_its_head() -> None:
    selection = Selection.of(Settings(pooling="descriptors"))
    assert selection.spec.dimension == 4 * 256
    assert selection.fingerprint("f32").startswith("embedded-shipped-descriptors-bilinear-")
    assert selection.calibration is None  # thresholds were measured for its own vectors


def test_other_precisions_are_never_chosen_where_none_was_measured() -> None:
    assert Selection.of(Settings(pooling="descriptors")).spec.space == ("f32",)


def test_no_encoder_file_is_made_of_them(tmp_path: Path) -> None:
    settings = Settings(model="vgg16", weights="random", pooling="descriptors")
    for make in (find_base, lambda given: convert(Selection.of(given), tmp_path / "out.safetensors")):
        with pytest.raises(SettingsError, match="OP_POOLING=descriptors: is several vectors, and an encoder file"):
            make(settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow  # builds a graph
def test_all_of_them_take_one_pass_of_the_network(embedded: Encoder, model_cache: Path) -> None:
    loaded(model_cache).close()
    one, several = (convolutions(model_cache, pooling) for pooling in ("gem", "descriptors"))
    assert one == several > 20


def convolutions(cache: Path, pooling: str) -> int:
    graph = min(cache.glob(f"embedded-shipped-{pooling}-*/{MODEL_FILE}"))
    return graph.read_text().count('type="Convolution"')


@pytest.mark.slow  # imports TensorFlow
def test_they_are_those_of_numpy_of_the_maps_that_keras_computes(model_cache: Path, tmp_path: Path) -> None:
    images = pictures(2, 192)
    np.savez(tmp_path / "images.npz", images=images, allow_pickle=False)
    run_program(
        "tests.models.descriptors", "encoder", str(SHIPPED), str(tmp_path / "images.npz"), str(tmp_path / "o.npz")
    )
    found = np.load(tmp_path / "o.npz")
    maps = [found[name] for name in sorted(found) if name.startswith("maps")]
    expected = [unit(descriptor_of_several(maps, pooling)) / 2 for pooling in DESCRIPTORS.values()]
    encoder = loaded(model_cache)
    np.testing.assert_allclose(encoder.infer(images), np.concatenate(expected, axis=1), rtol=0, atol=1e-4)
    encoder.close()


@pytest.mark.slow  # uses the same graph
def test_a_picture_without_any_feature_is_an_error_in_words_and_never_nan(model_cache: Path) -> None:
    encoder = loaded(model_cache)
    encoder.warm_up()  # which is of a picture with some
    vectors = encoder.infer(np.zeros((1, 192, 192, 3), np.uint8))
    assert np.isfinite(vectors).all()
    if not vectors.any():
        with pytest.raises(ModelFailed) as failed:
            encoder.execute(np.zeros((192, 192, 3), np.uint8))
        assert failed.value.detail == "infer answered a zero vector, which has no direction"
    encoder.close()
