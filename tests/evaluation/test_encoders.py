from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Running, unit
from tests.toys import NAN, ToyOperator
from visop.contract import Encoder
from visop.errors import Unreachable, UsageError
from visop.evaluation.encoders import OperatorEncoder, open_encoder, open_running, short_names
from visop.settings import Settings

TOY = {"OP_OPERATOR": "tests.toys:ToyOperator"}


def plain(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((8, 8, 3), colour, np.uint8)


def test_the_configured_operator_is_measured_with_its_own_preprocessing() -> None:
    with open_encoder(None, TOY) as encoder:
        vectors = encoder.encode([encoder.prepare(plain((10, 20, 30))), encoder.prepare(plain((90, 20, 0)))])
    np.testing.assert_allclose(vectors, [unit((10, 20, 30)), unit((90, 20, 0))], atol=1e-6)
    assert (encoder.name, encoder.dimension, encoder.fingerprint) == ("toy", 3, "toy-1")


def test_a_running_operator_is_measured_over_its_port(running_server: Running) -> None:
    with open_running(running_server.address) as encoder:
        vectors = encoder.encode([encoder.prepare(plain((10, 20, 30))), encoder.prepare(plain(NAN))])
    np.testing.assert_allclose(vectors, np.array([unit((10, 20, 30)), (0, 0, 0)]), atol=1e-6)
    assert encoder.fingerprint == "toy-1"


def test_inputs_beyond_the_operators_batch_are_encoded_in_several() -> None:
    operator = ToyOperator()
    encoder = OperatorEncoder("toy", operator)
    vectors = encoder.encode([encoder.prepare(plain((1, 2, value))) for value in range(1, 20)])
    assert operator.batches == [8, 8, 3]
    np.testing.assert_allclose(vectors[18], unit((1, 2, 19)), atol=1e-6)


def test_a_picture_without_a_vector_has_zeros_and_spoils_no_other() -> None:
    encoder = OperatorEncoder("toy", ToyOperator())
    vectors = encoder.encode([encoder.prepare(plain(colour)) for colour in (NAN, (5, 0, 0))])
    np.testing.assert_allclose(vectors, [(0, 0, 0), (1, 0, 0)])


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("vgg16", {"model": "vgg16"}),
        ("vgg16:random", {"model": "vgg16", "weights": "random"}),
        ("vgg16:../w.h5@rmac", {"model": "vgg16", "weights": "../w.h5", "pooling": "rmac"}),
        ("vgg19@max", {"model": "vgg19", "pooling": "max"}),
        ("some/where/mine.safetensors", {"weights": "some/where/mine.safetensors"}),
    ],
)
def test_the_settings_that_an_encoder_names(text: str, flags: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class EnoughError(Exception):
        pass

    def look(settings: Settings) -> Encoder:
        seen.append(settings)
        raise EnoughError

    monkeypatch.setattr("visop.evaluation.encoders.load_encoder", look)
    environ = TOY | {"OP_MODEL": "vgg19", "OP_WEIGHTS": "imagenet", "OP_POOLING": "avg", "OP_RESIZE": "nearest"}
    with pytest.raises(EnoughError), open_encoder(text, environ):
        pass
    assert seen[0].operator == "visop.models.built_in_encoder:BuiltInEncoder"
    said = {"model": "auto", "weights": "auto", "pooling": "auto", "resize": "nearest"} | flags
    assert {name: getattr(seen[0], name) for name in said} == said


def test_a_model_by_name_is_the_built_in_encoder_whatever_operator_is_configured(model_cache: Path) -> None:
    with open_encoder("embedded", TOY | {"OP_CACHE_DIR": str(model_cache)}) as encoder:
        assert encoder.dimension == 256
        assert encoder.fingerprint.startswith("embedded-")


def test_what_is_no_encoder_is_refused_with_what_there_is() -> None:
    with (
        pytest.raises(UsageError, match=r"encoder vgg15: must be MODEL.*phash or dhash; the models are .*vgg16"),
        open_encoder("vgg15", {}),
    ):
        pass


def test_an_operator_that_does_not_answer_is_named() -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1 cannot be reached"), open_running("127.0.0.1:1"):
        pass


def test_paths_are_shortened_as_long_as_names_differ() -> None:
    first, second = os.path.join("a", "x.safetensors"), os.path.join("b", "x.safetensors")
    assert short_names([first, "phash"]) == ["x.safetensors", "phash"]
    assert short_names([first, second]) == [first, second]
