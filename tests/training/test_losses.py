"""Losses against loops over all pairs, and their gradients against finite differences. Backend: TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from visop.training import losses

Array = npt.NDArray[Any]


def unit(values: Array) -> Array:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def batch(seed: int, identities: int = 5, views: int = 3, dimension: int = 8) -> tuple[Array, Array]:
    """Vectors of views that lie near each other, and labels of people: every picture counts as an original."""
    rng = np.random.default_rng(seed)
    centres = np.tile(rng.standard_normal((identities, dimension)), (views, 1))
    vectors = unit(centres + 0.8 * rng.standard_normal(centres.shape))
    labels = np.stack([np.tile(np.arange(identities), views), np.ones(identities * views)], axis=1)
    return labels.astype(np.int32), vectors


def copies(labels: Array) -> Array:
    """The same labels, with the first view alone as originals."""
    labels = labels.copy()
    labels[len(np.unique(labels[:, 0])) :, 1] = 0
    return labels


def is_positive(labels: Array, i: int, j: int) -> bool:
    return bool(i != j and labels[i, 0] == labels[j, 0] and (labels[i, 1] or labels[j, 1]))


def apart(vectors: Array, i: int, j: int) -> float:
    return float(np.linalg.norm(vectors[i] - vectors[j]))


def mine_hard(labels: Array, vectors: Array) -> list[tuple[float, float]]:
    """By loops: per anchor the farthest positive and the nearest negative."""
    mined, every = [], range(len(labels))
    for a in every:
        positive = [apart(vectors, a, p) for p in every if is_positive(labels, a, p)]
        negative = [apart(vectors, a, n) for n in every if labels[n, 0] != labels[a, 0]]
        if positive and negative:
            mined.append((max(positive), min(negative)))
    return mined


def mine_semi_hard(labels: Array, vectors: Array) -> list[tuple[float, float]]:
    """By loops: per positive pair the nearest negative that is farther, or the farthest one."""
    mined, every = [], range(len(labels))
    for a in every:
        negative = [apart(vectors, a, n) for n in every if labels[n, 0] != labels[a, 0]]
        for p in every:
            if is_positive(labels, a, p) and negative:
                farther = [d for d in negative if d > apart(vectors, a, p)]
                mined.append((apart(vectors, a, p), min(farther) if farther else max(negative)))
    return mined


MINERS = {"batch-hard": mine_hard, "semi-hard": mine_semi_hard}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("mining", MINERS)
@pytest.mark.parametrize("relabel", [np.copy, copies], ids=["people", "copies"])
def test_triplets_are_those_that_loops_mine(mining: Any, seed: int, relabel: Callable[[Array], Array]) -> None:
    labels, vectors = batch(seed)
    labels = relabel(labels)
    mined = np.array(MINERS[mining](labels, vectors))
    violations = mined[:, 0] - mined[:, 1] + 0.3
    loss = losses.triplet(0.3, mining)(tf.constant(labels), tf.constant(vectors))
    active = losses.active_share(0.3, mining)(tf.constant(labels), tf.constant(vectors, tf.float32))
    assert float(loss) == pytest.approx(np.maximum(violations, 0).mean(), abs=1e-6)
    assert float(active) == pytest.approx((violations > 0).mean(), abs=1e-6)


@pytest.mark.parametrize("spread", [0.0, 2.0])
@pytest.mark.parametrize("relabel", [np.copy, copies], ids=["people", "copies"])
def test_the_contrastive_loss_is_that_of_its_definition(spread: float, relabel: Callable[[Array], Array]) -> None:
    labels, vectors = batch(1)
    labels = relabel(labels)
    every, told, nearest = range(len(labels)), [], []
    for i in every:
        negatives = [n for n in every if labels[n, 0] != labels[i, 0]]
        against = sum(np.exp(vectors[i] @ vectors[n] / 0.1) for n in negatives)
        for p in every:
            if is_positive(labels, i, p):
                likeness = np.exp(vectors[i] @ vectors[p] / 0.1)
                told.append(-np.log(likeness / (likeness + against)))
        nearest.append(min(apart(vectors, i, n) for n in negatives))
    expected = np.mean(told) - spread * np.mean(np.log(nearest))
    loss = losses.contrastive(0.1, spread)(tf.constant(labels), tf.constant(vectors))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    [losses.triplet(0.3, "batch-hard"), losses.triplet(0.3, "semi-hard"), losses.contrastive(0.1, 1.0)],
    ids=["batch-hard", "semi-hard", "contrastive"],
)
def test_gradients_are_those_of_finite_differences(loss: losses.Loss) -> None:
    labels, vectors = batch(2)
    point = tf.Variable(vectors)
    with tf.GradientTape() as tape:
        value = loss(tf.constant(labels), point)
    gradient = tape.gradient(value, point).numpy()
    step = 1e-6
    for i, j in np.random.default_rng(0).integers(0, vectors.shape, (25, 2)):
        moved = np.zeros_like(vectors)
        moved[i, j] = step
        above, below = (float(loss(tf.constant(labels), tf.constant(vectors + sign * moved))) for sign in (1, -1))
        assert gradient[i, j] == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-6)


def test_vectors_that_have_collapsed_give_numbers_and_gradients() -> None:
    labels, vectors = batch(3)
    same = tf.Variable(np.tile(vectors[:1], (len(vectors), 1)))
    for loss in (losses.triplet(0.3, "batch-hard"), losses.triplet(0.3, "semi-hard"), losses.contrastive(0.05, 1.0)):
        with tf.GradientTape() as tape:
            value = loss(tf.constant(labels), same)
        assert np.isfinite(float(value))
        assert np.isfinite(tape.gradient(value, same).numpy()).all()


def test_a_batch_with_no_negatives_or_no_positives_has_no_loss() -> None:
    _, vectors = batch(4, identities=2, views=2)
    alone = np.array([[0, 1], [1, 1], [2, 1], [3, 1]], np.int32)
    together = np.array([[0, 1]] * 4, np.int32)
    for mining in MINERS:
        for labels in (alone, together):
            assert float(losses.triplet(0.3, mining)(tf.constant(labels), tf.constant(vectors))) == 0  # type: ignore[arg-type]


def test_the_similarity_of_impostors_is_their_mean_cosine() -> None:
    labels, vectors = batch(5)
    pairs = [(i, j) for i in range(15) for j in range(15) if labels[i, 0] != labels[j, 0]]
    expected = np.mean([vectors[i] @ vectors[j] for i, j in pairs])
    found = losses.impostor_similarity(tf.constant(labels), tf.constant(vectors, tf.float32))
    assert float(found) == pytest.approx(expected, abs=1e-6)
