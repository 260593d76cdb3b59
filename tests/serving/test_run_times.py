from __future__ import annotations

from collections.abc import Callable

import pytest

from visop.serving.run_times import RunTimes


def test_nothing_is_known_at_first() -> None:
    times = RunTimes()
    assert (times.expected(8), times.per_item(), times.most_within(0.0, 8)) == (0.0, 0.0, 8)


def test_sizes_that_were_not_seen_follow_from_the_next_smaller_one() -> None:
    times = RunTimes()
    times.note(2, 0.2)
    assert times.expected(8) == pytest.approx(0.8)
    assert times.expected(1) == pytest.approx(0.2)
    times.note(8, 0.4)
    assert times.expected(8) == pytest.approx(0.4)
    assert times.per_item() == pytest.approx(0.05)


def test_the_mean_moves_with_the_model() -> None:
    times = RunTimes()
    times.note(1, 1.0)
    for _ in range(20):
        times.note(1, 0.1)
    assert times.expected(1) == pytest.approx(0.1, rel=0.15)


def test_as_many_as_fit_into_a_time() -> None:
    times = RunTimes()
    for size in (1, 2, 4, 8):
        times.note(size, 0.1 * size)
    assert [times.most_within(span, 8) for span in (1.0, 0.5, 0.1, 0.01)] == [8, 4, 1, 1]


def sizes_of(span_s: Callable[[int], float], count: int) -> list[int]:
    """The batches that a model gets which takes so long for a batch."""
    times, sizes = RunTimes(), []
    for _ in range(count):
        sizes.append(times.worthwhile(8))
        times.note(sizes[-1], span_s(sizes[-1]))
    return sizes


def test_a_model_that_gains_nothing_from_batches_gets_short_ones() -> None:
    assert sizes_of(lambda size: 0.05 * size, 6) == [1, 2, 1, 1, 1, 1]


def test_batches_grow_as_long_as_that_pays() -> None:
    assert sizes_of(lambda size: 0.04 + 0.01 * size, 6) == [1, 2, 4, 8, 8, 8]
    assert sizes_of(lambda size: 0.01 * max(4, size), 6) == [1, 2, 4, 8, 4, 4]


def test_a_larger_batch_is_tried_again_after_some_time() -> None:
    sizes = sizes_of(lambda size: 0.05 * size, 130)
    assert [at for at, size in enumerate(sizes) if size != 1] == [1, 63, 127]
