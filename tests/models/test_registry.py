"""The registry against the Keras that is installed, whose sources are read and not run."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from visop.errors import UsageError
from visop.models.registry import MODELS, ModelSpec, find_model

SOURCE = {"resnet50": "resnet", "mobilenetv2": "mobilenet_v2", "efficientnetv2b0": "efficientnet_v2"}
PUBLISHED = {name: spec for name, spec in MODELS.items() if spec.weights_url}
every_model = pytest.mark.parametrize("spec", PUBLISHED.values(), ids=PUBLISHED.keys())


def source_of(spec: ModelSpec) -> str:
    keras = importlib.util.find_spec("keras")
    assert keras is not None
    assert keras.origin is not None
    return (Path(keras.origin).parent / "src/applications" / f"{SOURCE.get(spec.name, spec.name)}.py").read_text()


def texts_of(source: str) -> list[str]:
    """All constant strings, those that are written in pieces in one."""
    return [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


@every_model
def test_the_address_begins_as_keras_writes_it(spec: ModelSpec) -> None:
    bases = [text for text in texts_of(source_of(spec)) if text.startswith("https://storage.googleapis.com")]
    assert any(str(spec.weights_url).startswith(base) for base in bases)


@every_model
def test_the_digest_is_the_one_that_keras_publishes(spec: ModelSpec) -> None:
    if spec.weights_md5 is None:
        assert not re.search(r"[0-9a-f]{32}", source_of(spec))
    else:
        assert spec.weights_md5 in texts_of(source_of(spec))


@every_model
def test_the_input_size_is_the_default_of_keras(spec: ModelSpec) -> None:
    source = source_of(spec)
    assert spec.height == spec.width
    assert (
        f"default_size={spec.height}" in source
        or f"default size is {spec.height}" in source
        or spec.name == "mobilenetv2"
    )


@every_model
def test_the_preprocessing_is_that_of_keras(spec: ModelSpec) -> None:
    assert (f'mode="{spec.preprocessing}"' in source_of(spec)) == (spec.preprocessing != "included")


def test_a_published_file_is_never_the_one_with_the_classifier() -> None:
    assert all(re.search("no_?top", spec.weights_file) for spec in PUBLISHED.values())


def test_weights_are_published_or_shipped_and_their_file_has_a_name() -> None:
    assert all((spec.weights_url is None) == (spec.shipped is not None) for spec in MODELS.values())
    assert MODELS["embedded"].weights_file == "embedded.safetensors"


def test_an_unknown_model_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="OP_MODEL=vgg99: must be one of embedded, vgg16, vgg19, xception"):
        find_model("vgg99")
