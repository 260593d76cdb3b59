import numpy as np
import pytest

from visop.search.linked import Linked


def linked(vectors, threshold, *sizes):
    """Added in blocks of these sizes, over and over; the threshold is one for all, or (N,)."""
    links, start = Linked(), 0
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    thresholds = np.broadcast_to(np.float32(threshold), (len(vectors),))
    while start < len(vectors):
        for size in sizes:
            if start < len(vectors):
                links.add(unit[start : start + size], thresholds[start : start + size])
            start += size
    return links


def brute_force(vectors, threshold):
    """The components of the graph of all pairs."""
    unit = vectors.astype(float) / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -2)
    thresholds = np.broadcast_to(threshold, (len(vectors),))
    reached = ((cosines >= np.maximum.outer(thresholds, thresholds)) | np.eye(len(vectors), dtype=bool)).astype(
        np.float32
    )
    while ((further := np.minimum(reached @ reached, 1)) != reached).any():
        reached = further
    return {tuple(np.flatnonzero(row)) for row in reached if row.sum() > 1}


def clusters(seed, spread=0.1):
    """700 vectors of 16 numbers: clusters of very different sizes, in any order, and vectors of no cluster."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.standard_normal((40, 16)), rng.integers(1, 34, 40), axis=0)[:600]
    alone = rng.standard_normal((700 - len(centres), 16))
    vectors = np.concatenate([centres + spread * rng.standard_normal(centres.shape), alone])
    return rng.permutation(vectors).astype(np.float32)


@pytest.mark.parametrize("sizes", [(700,), (50,), (300, 1, 13)], ids=str)
@pytest.mark.parametrize("threshold", [0.995, 0.97, 0.5, 0.2])
def test_sets_are_those_of_brute_force(sizes, threshold):
    vectors = clusters(seed=len(sizes))
    links = linked(vectors, threshold, *sizes)
    assert {tuple(sorted(group)) for group in links.groups()} == brute_force(vectors, threshold)


def test_each_vector_may_have_a_threshold_of_its_own():
    vectors = clusters(seed=7)
    thresholds = np.random.default_rng(7).uniform(0.5, 0.999, len(vectors))
    groups = {tuple(sorted(group)) for group in linked(vectors, thresholds, 100).groups()}
    assert groups == brute_force(vectors, thresholds)


def test_a_chain_is_one_set_whatever_its_order():
    angles = np.radians(np.random.default_rng(0).permutation(np.arange(0, 170, 0.1)))
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    (group,) = linked(vectors, float(np.cos(np.radians(0.15))), 400).groups()
    assert sorted(group) == list(range(len(vectors)))


def test_nothing_is_no_set():
    assert Linked().groups() == []
