from __future__ import annotations

import numpy as np
import pytest

from visop.errors import UsageError
from visop.models.whitening import Moments, learn_whitening


def correlated(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    """Unit vectors that all look alike, as descriptors do: far from 0, with a few strong directions."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((dimension, dimension)) * np.geomspace(1, 1e-2, dimension)[:, None]
    vectors = 10 + rng.standard_normal((count, dimension)) @ mixing
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def moments_of(vectors: np.ndarray, batch: int = 7) -> Moments:
    moments = Moments(vectors.shape[1])
    for start in range(0, len(vectors), batch):
        moments.add(vectors[start : start + batch])
    return moments


@pytest.mark.parametrize("batch", [1, 7, 500])
def test_moments_are_those_of_all_vectors_at_once(batch: int) -> None:
    vectors = correlated(200, 12)
    moments = moments_of(vectors, batch)
    assert moments.count == 200
    np.testing.assert_allclose(moments.mean, vectors.mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(moments.covariance, np.cov(vectors.T.astype(np.float64), bias=True), rtol=1e-9)


@pytest.mark.parametrize("dimension", [None, 12, 5])
def test_the_vectors_that_were_seen_become_white(dimension: int | None) -> None:
    vectors = correlated(300, 12)
    whitening = learn_whitening(moments_of(vectors), dimension)
    white = vectors.astype(np.float64) @ whitening.kernel + whitening.bias
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(dimension or 12), atol=1e-8)


def test_the_directions_of_most_variance_are_kept() -> None:
    vectors = correlated(300, 12)
    centred = vectors - vectors.mean(axis=0, dtype=np.float64)
    variances = np.linalg.svd(centred, compute_uv=False) ** 2
    whitening = learn_whitening(moments_of(vectors), 4)
    assert whitening.kept == pytest.approx(variances[:4].sum() / variances.sum())
    scales = 1 / np.linalg.norm(whitening.kernel, axis=0)
    np.testing.assert_allclose(scales**2, variances[:4] / 300, rtol=1e-6)


def test_channels_that_never_fire_are_left_out() -> None:
    vectors = np.concatenate([correlated(100, 6), np.zeros((100, 2), np.float32)], axis=1)
    assert learn_whitening(moments_of(vectors)).kernel.shape == (8, 6)
    with pytest.raises(UsageError, match="dimension 7: these vectors vary in 6 of 8 directions"):
        learn_whitening(moments_of(vectors), 7)


def test_too_few_pictures_for_a_dimension_are_refused() -> None:
    moments = moments_of(correlated(8, 12))
    assert learn_whitening(moments, 7).kernel.shape == (12, 7)
    assert learn_whitening(moments).kernel.shape == (12, 7)
    with pytest.raises(
        UsageError,
        match="dimension 8: 8 pictures cannot whiten so many dimensions: it takes at least one picture more",
    ):
        learn_whitening(moments, 8)


@pytest.mark.parametrize("vectors", [np.ones((1, 3)), np.ones((5, 3))], ids=["one", "all alike"])
def test_pictures_without_any_variation_are_refused(vectors: np.ndarray) -> None:
    with pytest.raises(UsageError):
        learn_whitening(moments_of(vectors.astype(np.float32)))
