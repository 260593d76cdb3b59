"""Vectors that no index has yet."""

from __future__ import annotations

import numpy as np
import pytest

from visop.search.embedded.recent import RecentVectors

ROWS = [3, 5, 6, 9]


def recent() -> RecentVectors:
    made = RecentVectors(2, 2)
    made.append(ROWS, [np.array([row, 0], np.float32).tobytes() for row in ROWS])
    return made


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [(None, {3, 5, 6, 9}), ([], set()), ([1, 2, 10], set()), ([1, 3, 4, 9, 12], {3, 9}), ([5], {5})],
)
def test_only_rows_that_are_allowed_are_found(allowed: list[int] | None, expected: set[int]) -> None:
    wanted = None if allowed is None else np.array(allowed, np.int64)
    rows, products, is_all = recent().nearest(np.array([1, 0], np.float32), 4, wanted)
    assert (set(rows.tolist()), is_all) == (expected, True)
    assert products.tolist() == rows.tolist()


def test_the_nearest_of_those_that_are_allowed_are_found() -> None:
    rows, _, is_all = recent().nearest(np.array([1, 0], np.float32), 1, np.array([3, 5, 6]))
    assert (rows.tolist(), is_all) == ([6], False)


def test_without_vectors_nothing_is_found() -> None:
    rows, _, is_all = RecentVectors(2).nearest(np.array([1, 0], np.float32), 4, np.array([3]))
    assert (rows.tolist(), is_all) == ([], True)
