from __future__ import annotations

import itertools

import numpy as np
import pytest

from visop.processors.boxes import Floats, overlap, squares, suppress


def random_boxes(count: int, seed: int) -> Floats:
    corners = np.random.default_rng(seed).integers(0, 50, (count, 2, 2))
    return np.hstack([corners.min(axis=1), corners.max(axis=1) + 1]).astype(np.float32)


def counted(a: Floats, b: Floats) -> tuple[int, int, int]:
    """Pixels in both, in either, and in the smaller: an independent count."""
    maps = []
    for left, top, right, bottom in (a.astype(int), b.astype(int)):
        maps.append(np.zeros((60, 60), bool))
        maps[-1][top:bottom, left:right] = True
    first, second = maps
    return int((first & second).sum()), int((first | second).sum()), int(min(first.sum(), second.sum()))


def test_the_overlap_is_that_of_counted_pixels() -> None:
    for a, b in itertools.combinations(random_boxes(12, 1), 2):
        both, either, smaller = counted(a, b)
        assert overlap(a, b[None])[0] == pytest.approx(both / either)
        assert overlap(a, b[None], "smaller")[0] == pytest.approx(both / smaller)


def test_empty_boxes_overlap_nothing() -> None:
    empty = np.array([5, 5, 5, 5], np.float32)
    assert overlap(empty, np.stack([empty, np.array([0, 0, 9, 9], np.float32)])).tolist() == [0, 0]


def test_what_stays_is_what_a_loop_over_pairs_leaves() -> None:
    boxes, scores = random_boxes(60, 2), np.random.default_rng(3).random(60).astype(np.float32)
    kept: list[int] = []
    for each in np.argsort(-scores):
        if all(counted(boxes[each], boxes[other])[0] / counted(boxes[each], boxes[other])[1] <= 0.3 for other in kept):
            kept.append(int(each))
    assert suppress(boxes, scores, 0.3).tolist() == kept


def test_of_equal_scores_the_first_stays_and_few_are_looked_at() -> None:
    boxes = np.tile(np.array([[0, 0, 9, 9]], np.float32), (5, 1))
    assert suppress(boxes, np.ones(5, np.float32), 0.5).tolist() == [0]
    apart = boxes + 20 * np.arange(5, dtype=np.float32)[:, None]
    assert suppress(apart, np.arange(5, dtype=np.float32), 0.5, most=2).tolist() == [4, 3]
    assert suppress(boxes[:0], np.ones(0, np.float32), 0.5).tolist() == []


def test_squares_keep_their_middles_and_the_longer_side() -> None:
    assert squares(np.array([[0, 10, 10, 14]], np.float32)).tolist() == [[0, 7, 10, 17]]
