from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from visop.errors import UsageError, WeightsError
from visop.models import registry
from visop.models.encoder_file import write_encoder_file
from visop.models.registry import MODELS
from visop.models.selection import Selection
from visop.models.weights import find_weights
from visop.settings import Settings


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """An encoder on vgg16 with gem and a head of 32; the backbone does not matter here."""
    tensors = {"head/kernel": np.ones((512, 32), np.float32), "head/bias": np.ones(32, np.float32)}
    path = tmp_path / "mine.safetensors"
    write_encoder_file(path, model="vgg16", pooling="gem", dimension=32, tensors=tensors, card={})
    return path


def test_with_no_settings_it_is_the_embedded_encoder() -> None:
    assert Selection.of(Settings()).spec.name == "embedded"


def test_an_encoder_file_decides_everything(encoder: Path) -> None:
    selection = Selection.of(Settings(weights=str(encoder)))
    assert (selection.spec.name, selection.spec.dimension, selection.pooling) == ("vgg16", 32, "gem")
    assert selection.weights.header is not None


def test_whitened_vectors_stay_in_full_precision_unless_asked(tmp_path: Path) -> None:
    tensors = {"whitening/kernel": np.ones((512, 8), np.float32), "whitening/bias": np.ones(8, np.float32)}
    write_encoder_file(tmp_path / "w.safetensors", model="vgg16", pooling="avg", dimension=8, tensors=tensors, card={})
    assert MODELS["vgg16"].space[-1] != "f32"
    assert Selection.of(Settings(weights=str(tmp_path / "w.safetensors"))).spec.space == ("f32",)


def test_settings_that_say_the_same_as_the_file_are_taken(encoder: Path) -> None:
    assert Selection.of(Settings(weights=str(encoder), model="vgg16", pooling="gem")).spec.dimension == 32


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"model": "vgg19"}, r"OP_MODEL=vgg19: contradicts the encoder file .*mine.safetensors, whose model is vgg16"),
        ({"pooling": "max"}, r"OP_POOLING=max: contradicts the encoder file .*, whose pooling is gem; leave it out"),
    ],
)
def test_settings_that_contradict_the_file_are_refused(settings: dict[str, str], complaint: str, encoder: Path) -> None:
    with pytest.raises(UsageError, match=complaint):
        Selection.of(Settings(weights=str(encoder), **settings))  # type: ignore[arg-type]


def test_a_file_of_another_model_is_refused_by_whoever_loads_it(encoder: Path) -> None:
    with pytest.raises(WeightsError, match=r"mine.safetensors is an encoder on vgg16, not on vgg19"):
        find_weights(MODELS["vgg19"], str(encoder), Path())


def test_without_an_encoder_file_auto_is_the_models_own_pooling() -> None:
    assert Selection.of(Settings(model="vgg16", weights="random")).pooling == "avg"
    assert Selection.of(Settings(model="embedded", weights="random")).pooling == "gem"
    assert Selection.of(Settings(model="vgg16", weights="random", pooling="rmac")).pooling == "rmac"


def test_a_keras_file_does_not_say_its_model(tmp_path: Path) -> None:
    file = tmp_path / "mine.weights.h5"
    file.write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(UsageError, match=r"only \.safetensors files say their model; set OP_MODEL"):
        Selection.of(Settings(weights=str(file)))
    assert Selection.of(Settings(weights=str(file), model="vgg16")).spec.name == "vgg16"


def test_there_are_no_imagenet_weights_of_the_embedded_encoder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no ImageNet weights of embedded; take OP_WEIGHTS=auto, or a model"):
        Selection.of(Settings(weights="imagenet", data_dir=tmp_path))


def test_auto_is_the_published_file_of_a_published_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"the weights of vgg16 are missing: .*prepare_model.sh vgg16"):
        find_weights(MODELS["vgg16"], "auto", tmp_path)


def test_the_shipped_file_decides_like_any_other(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.MODELS, "vgg16", replace(MODELS["vgg16"], shipped=encoder))
    selection = Selection.of(Settings(model="vgg16"))
    assert (selection.spec.dimension, selection.weights.kind) == (32, "shipped")


def test_a_shipped_file_that_is_gone_is_told_when_it_is_loaded(tmp_path: Path) -> None:
    spec = replace(MODELS["embedded"], shipped=tmp_path / "gone.safetensors")
    with pytest.raises(WeightsError, match=r"gone.safetensors is part of visop; install it again"):
        find_weights(spec, "auto", tmp_path)


def test_an_encoder_on_an_unknown_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new.safetensors"
    write_encoder_file(path, model="vgg99", pooling="avg", dimension=4, tensors={}, card={})
    with pytest.raises(UsageError, match="vgg99: must be one of"):
        Selection.of(Settings(weights=str(path)))


def test_what_changes_no_vector_changes_no_fingerprint() -> None:
    plain, other = Settings(), Settings(threads=3, max_batch=2, endpoint="localhost:1")
    assert Selection.of(plain).fingerprints() == Selection.of(other).fingerprints()


def test_tensors_are_known_by_what_their_file_will_be_known_by(encoder: Path, tmp_path: Path) -> None:
    there = Selection.of(Settings(weights=str(encoder)))
    tensors = {"head/kernel": np.ones((512, 32), np.float32), "head/bias": np.ones(32, np.float32)}
    to_be = Selection.of(Settings(model="vgg16", weights="random")).of_tensors("gem", 32, tensors, encoder)
    assert to_be.fingerprint("f32") == there.fingerprint("f32")
    assert to_be.spec == there.spec
