"""What the GPU engine decides; its vectors are in test_parity.py, from a process with TensorFlow in it."""

from __future__ import annotations

import pytest

from visop.models.engines.keras import batch_sizes


@pytest.mark.parametrize(
    ("max_batch", "sizes"),
    [(1, [1]), (2, [1, 2]), (5, [1, 2, 4, 5]), (8, [1, 2, 4, 8]), (64, [1, 2, 4, 8, 16, 32, 64])],
)
def test_batch_sizes_double_up_to_the_largest(max_batch: int, sizes: list[int]) -> None:
    assert batch_sizes(max_batch) == sizes
