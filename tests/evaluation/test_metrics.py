"""Ranks and precision against a reference that sorts, one query at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from visop.evaluation.metrics import rank


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    vectors = rng.standard_normal(shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def reference(query: np.ndarray, gallery: np.ndarray, is_true: np.ndarray) -> tuple[int, float]:
    """First rank and average precision, from a list that is sorted with impostors before true ones of equal value."""
    order = sorted(range(len(gallery)), key=lambda row: (-float(query @ gallery[row]), is_true[row]))
    ranks = [place for place, row in enumerate(order, 1) if is_true[row]]
    return ranks[0], float(np.mean([found / place for found, place in enumerate(ranks, 1)]))


@pytest.mark.parametrize("classes", [150, 40, 3], ids=lambda count: f"{count} labels")
def test_ranks_and_precision_are_those_of_a_sorted_list(classes: int) -> None:
    rng = np.random.default_rng(classes)
    # Whole numbers: dot products without rounding, and many of them equal.
    gallery, queries = rng.integers(-3, 4, (150, 8)), rng.integers(-3, 4, (73, 8))
    gallery_labels = np.concatenate([np.arange(classes), rng.integers(0, classes, 150 - classes)])
    labels = rng.integers(0, classes, 73)
    # Several blocks, the last one cut short.
    ranking = rank(queries, gallery, labels, gallery_labels, block_values=1000)
    expected = [reference(q, gallery, gallery_labels == label) for q, label in zip(queries, labels, strict=True)]
    assert ranking.first.tolist() == [first for first, _ in expected]
    np.testing.assert_allclose(ranking.average_precision, [precision for _, precision in expected], atol=1e-12)


def test_recall_precision_and_median_of_a_worked_example() -> None:
    gallery = np.eye(4)
    queries = gallery[[0, 1, 2]] * 0.9 + np.array([[0, 0.1, 0, 0], [0.95, 0, 0, 0], [0.95, 0.92, 0, 0.91]])
    ranking = rank(queries, gallery, [0, 1, 2])
    assert ranking.first.tolist() == [1, 2, 4]
    assert ranking.recall_at(1) == pytest.approx(1 / 3)
    assert ranking.recall_at(2) == pytest.approx(2 / 3)
    assert ranking.mean_average_precision == pytest.approx((1 + 1 / 2 + 1 / 4) / 3)
    assert ranking.median_rank == 2
    assert ranking.impostor.tolist() == [1, 0, 0]
    np.testing.assert_allclose(ranking.similarity, 0.9, rtol=1e-6)


def test_an_encoder_with_one_vector_for_everything_finds_nothing() -> None:
    vectors = np.full((50, 16), 0.25, np.float32)
    assert rank(vectors, vectors, np.arange(50)).first.tolist() == [50] * 50


def test_rounding_does_not_decide_between_equal_pictures() -> None:
    rng = np.random.default_rng(5)
    gallery = np.repeat(unit(rng, 60, 512), 2, axis=0)
    queries = unit(rng, 60, 512)
    assert (rank(queries, gallery, np.arange(0, 120, 2)).first >= 2).all()


def test_impostors_are_all_pairs_but_the_true_ones() -> None:
    rng = np.random.default_rng(6)
    gallery, queries = unit(rng, 20, 4), unit(rng, 9, 4)
    labels, gallery_labels = np.arange(9) % 5, np.arange(20) % 5
    portions: list[np.ndarray] = []
    rank(queries, gallery, labels, gallery_labels, on_impostors=portions.append, block_values=64)
    expected = (queries @ gallery.T)[labels[:, None] != gallery_labels]
    np.testing.assert_allclose(np.sort(np.concatenate(portions)), np.sort(expected), atol=1e-6)


def test_a_picture_without_a_vector_is_no_impostor() -> None:
    rng = np.random.default_rng(7)
    gallery, queries = unit(rng, 12, 4), unit(rng, 12, 4)
    gallery[[2, 5]] = queries[[5, 6, 7]] = 0
    portions: list[np.ndarray] = []
    rank(queries, gallery, np.arange(12), on_impostors=portions.append)
    pairs = [(i, j) for i in range(12) for j in range(12) if i != j and i not in (5, 6, 7) and j not in (2, 5)]
    expected = [queries[i] @ gallery[j] for i, j in pairs]
    np.testing.assert_allclose(np.sort(np.concatenate(portions)), np.sort(expected), atol=1e-6)


def test_a_gallery_without_impostors_is_no_failure() -> None:
    ranking = rank(np.eye(2), np.eye(2), [7, 7], [7, 7])
    assert ranking.first.tolist() == [1, 1]
    assert ranking.impostor.tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((np.eye(3)[:0], np.eye(3), []), "there are no queries"),
        ((np.eye(3), np.eye(4), [0, 1, 2]), r"must be \(Q, D\) and \(N, D\)"),
        ((np.eye(3), np.eye(3), [0, 1]), "every row needs one label"),
        ((np.eye(3), np.eye(3), [0, 1, 3]), "1 labels of queries are not in the gallery, such as 3"),
    ],
    ids=["no queries", "dimensions", "labels", "no true picture"],
)
def test_what_cannot_be_measured_is_refused(arguments: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        rank(*arguments)


@pytest.mark.slow
def test_ten_thousand_queries_in_a_hundred_thousand_pictures_need_little_memory() -> None:
    import tracemalloc

    rng = np.random.default_rng(0)
    gallery = unit(rng, 100_000, 64)
    tracemalloc.start()
    ranking = rank(gallery[:10_000], gallery, np.arange(10_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (ranking.first == 1).all()
    assert peak < 200 * 2**20


def test_related_pictures_are_ranked_but_are_no_impostors() -> None:
    rng = np.random.default_rng(3)
    gallery = unit(rng, 6, 4)
    groups = np.array([0, 0, 1, 1, 2, 2])
    seen: list[np.ndarray] = []
    ranking = rank(gallery, gallery, np.arange(6), related=(groups, groups), on_impostors=seen.append)
    expected = [gallery[i] @ gallery[j] for i in range(6) for j in range(6) if groups[i] != groups[j]]
    np.testing.assert_allclose(np.concatenate(seen), expected, atol=1e-6)
    assert ranking.first.tolist() == rank(gallery, gallery, np.arange(6)).first.tolist()


def test_a_related_picture_that_is_nearer_is_in_the_way_only_where_it_counts() -> None:
    gallery = np.eye(3, dtype=np.float32)
    queries = np.array([[0.6, 0.8, 0.0]], np.float32)  # shows picture 0, looks like its relative 1
    ranking = rank(queries, gallery, [0], related=(np.array([0]), np.array([0, 0, 1])))
    assert ranking.first_apart is not None
    assert (ranking.first.tolist(), ranking.first_apart.tolist()) == ([2], [1])


def test_without_groups_nothing_is_said_of_them() -> None:
    assert rank(np.eye(2), np.eye(2), [0, 1]).first_apart is None


def test_of_a_picture_with_several_vectors_the_nearest_counts() -> None:
    rng = np.random.default_rng(7)
    gallery, queries = unit(rng, 60, 8), unit(rng, 20, 8)
    starts = np.array([0, 1, 9, 10, 40])
    labels = rng.integers(0, 5, 20)
    seen: list[np.ndarray] = []
    ranking = rank(queries, gallery, labels, starts=starts, on_impostors=seen.append, block_values=200)
    best = np.stack([part.max(axis=1) for part in np.split(queries @ gallery.T, starts[1:], axis=1)], axis=1)
    order = np.argsort(-best, axis=1)
    assert ranking.first.tolist() == [row.tolist().index(label) + 1 for row, label in zip(order, labels, strict=True)]
    assert sum(map(len, seen)) == 20 * 4
