from __future__ import annotations

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
