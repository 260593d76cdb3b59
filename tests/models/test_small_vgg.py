"""The embedded network: what turning does to it, and that the form that is served is the form that is trained."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

from opkit.models import small_vgg

SHAPE = (64, 64, 3)


@pytest.fixture(scope="module")
def tied() -> Any:
    network = small_vgg.build_tied_vgg(SHAPE)
    rng = np.random.default_rng(0)
    for stage in small_vgg.STAGES:
        layer = network.get_layer(stage.name)
        layer.bias.assign(0.1 * rng.standard_normal(stage.fields))
        layer.gain.assign(rng.uniform(0.5, 1.5, stage.fields))
    return network


@pytest.fixture(scope="module")
def plain(tied: Any) -> Any:
    network = small_vgg.build_small_vgg(SHAPE)
    fill(network, small_vgg.written_out(tied))
    return network


def fill(plain: Any, tensors: dict[str, np.ndarray]) -> None:
    for weight in plain.weights:
        weight.assign(tensors[weight.path])


def pictures() -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 255, (2, *SHAPE)).astype(np.float32)


def maps(network: Any, images: np.ndarray) -> np.ndarray:
    return np.asarray(network(np.ascontiguousarray(images)))


def test_what_is_served_is_what_was_trained(tied: Any, plain: Any) -> None:
    np.testing.assert_allclose(maps(plain, pictures()), maps(tied, pictures()), atol=1e-4)


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_turning_a_picture_only_turns_its_maps(plain: Any, quarters: int, mirrored: bool) -> None:
    def move(batch: np.ndarray) -> np.ndarray:
        return np.rot90(batch[:, :, ::-1] if mirrored else batch, quarters, (1, 2))

    turned, straight = maps(plain, move(pictures())), maps(plain, pictures())
    for scale, expected in zip(np.split(turned, 2, axis=1), np.split(straight, 2, axis=1), strict=True):
        np.testing.assert_allclose(scale, move(expected), atol=2e-4)


def test_the_lower_map_is_that_of_the_picture_at_half_the_size(plain: Any) -> None:
    half = small_vgg.build_small_vgg((32, 32, 3))
    half.set_weights(plain.get_weights())
    images = pictures()
    small = images.reshape(2, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    below = np.split(maps(plain, images), 2, axis=1)[1]
    np.testing.assert_allclose(below[:, ::2, ::2], below[:, 1::2, 1::2])
    # Not the same numbers: a picture that is given as a small one is standardised anew.
    expected = np.split(maps(half, small), 2, axis=1)[0]
    assert np.corrcoef(below[:, ::2, ::2].ravel(), expected.ravel())[0, 1] > 0.9


def test_brighter_and_harder_pictures_have_the_same_maps(plain: Any) -> None:
    images = pictures()
    np.testing.assert_allclose(maps(plain, 0.8 * images + 40), maps(plain, images), rtol=0.02, atol=0.02)


def test_an_even_picture_gives_numbers(plain: Any) -> None:
    assert np.isfinite(maps(plain, np.full((1, *SHAPE), 255.0))).all()


def test_what_was_written_out_can_be_trained_again(tied: Any) -> None:
    tensors = small_vgg.written_out(tied)
    again = small_vgg.build_tied_vgg(SHAPE)
    small_vgg.tie(again, tensors)
    for name, tensor in small_vgg.written_out(again).items():
        np.testing.assert_allclose(tensor, tensors[name], rtol=1e-3, atol=1e-6, err_msg=name)


def test_it_is_small() -> None:
    assert 1_000_000 < small_vgg.build_small_vgg((128, 128, 3)).count_params() < 2_000_000
