"""The embedded network: what turning does to it, and that the form that is served is the form that is trained."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pytest

from visop.models import small_vgg

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


def maps(network: Any, images: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(each) for each in network(np.ascontiguousarray(images))]


def test_what_is_served_is_what_was_trained(tied: Any, plain: Any) -> None:
    for served, trained in zip(maps(plain, pictures()), maps(tied, pictures()), strict=True):
        np.testing.assert_allclose(served, trained, atol=1e-4)


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_turning_a_picture_only_turns_its_maps(plain: Any, quarters: int, mirrored: bool) -> None:
    def move(batch: np.ndarray) -> np.ndarray:
        return np.rot90(batch[:, :, ::-1] if mirrored else batch, quarters, (1, 2))

    turned, straight = maps(plain, move(pictures())), maps(plain, pictures())
    for scale, expected in zip(turned, straight, strict=True):
        np.testing.assert_allclose(scale, move(expected), rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("factor", [2, 4])
def test_the_smaller_maps_are_those_of_the_picture_at_a_smaller_size(plain: Any, factor: int) -> None:
    large, small = (small_vgg.build_small_vgg((side, side, 3)) for side in (64 * factor, 64))
    for network in (large, small):
        network.set_weights(plain.get_weights())
    coarse = np.random.default_rng(1).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    images = coarse.repeat(factor, axis=1).repeat(factor, axis=2)
    smaller, expected = maps(large, images)[factor // 2], maps(small, coarse)[0]
    np.testing.assert_allclose(smaller, expected, rtol=1e-3, atol=1e-3)


def test_brighter_and_harder_pictures_have_the_same_maps(plain: Any) -> None:
    images = pictures()
    for changed, expected in zip(maps(plain, 0.8 * images + 40), maps(plain, images), strict=True):
        np.testing.assert_allclose(changed, expected, rtol=0.02, atol=0.02)


def test_an_even_picture_gives_numbers(plain: Any) -> None:
    assert all(np.isfinite(each).all() for each in maps(plain, np.full((1, *SHAPE), 255.0)))


def test_what_was_written_out_can_be_trained_again(tied: Any) -> None:
    tensors = small_vgg.written_out(tied)
    again = small_vgg.build_tied_vgg(SHAPE)
    small_vgg.tie(again, tensors)
    for name, tensor in small_vgg.written_out(again).items():
        np.testing.assert_allclose(tensor, tensors[name], rtol=1e-3, atol=1e-6, err_msg=name)


def test_it_is_small() -> None:
    assert 1_000_000 < small_vgg.build_small_vgg((128, 128, 3)).count_params() < 2_000_000
