from __future__ import annotations

import re

import numpy as np
import pytest

from visop.evaluation import plots
from visop.evaluation.evaluate import Gallery, Job, Outcome

Evaluated = tuple[Job, Gallery, list[Outcome]]


def points(path: str) -> np.ndarray:
    return np.array([[float(value) for value in pair] for pair in re.findall(r"([\d.]+),([\d.]+)", path)])


def test_recall_never_falls_with_the_false_positive_rate_and_ends_at_all(evaluated: Evaluated) -> None:
    [curve] = plots.recall_plot(evaluated[2]).curves
    x, y = points(curve.path).T
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) <= 0).all()
    assert (x[-1], y[-1]) == (plots.RIGHT, plots.TOP)


def test_curves_stay_inside_the_frame_and_marks_at_their_thresholds(evaluated: Evaluated) -> None:
    plot = plots.distance_plot(evaluated[2][0])
    assert [curve.name for curve in plot.curves] == ["copies", "other pictures"]
    for curve in plot.curves:
        x, y = points(curve.path).T
        assert plots.LEFT <= x.min() <= x.max() <= plots.RIGHT
        assert (y.min(), y.max()) == (plots.TOP, plots.BOTTOM)
    assert [text for _, text in plot.marks] == ["0.01"]


def test_the_distances_of_all_copies_are_drawn(evaluated: Evaluated) -> None:
    outcome = evaluated[2][0]
    distances = np.sqrt(np.maximum(0, 2 - 2 * outcome.rankings["noise"].similarity))
    farthest = max(np.sqrt(2 - 2 * ranking.similarity.min()) for ranking in outcome.rankings.values())
    plot = plots.distance_plot(outcome)
    end = plot.x_ticks[-1]
    scale = (end[0] - plots.LEFT) / float(end[1])
    assert plots.LEFT + scale * farthest <= plots.RIGHT + 0.1
    assert plots.LEFT + scale * distances.mean() < plots.RIGHT


@pytest.mark.parametrize("end", [1e-3, 0.04, 0.5, 1.0, 1.73, 2.0])
def test_ticks_are_few_and_round(end: float) -> None:
    ticks = plots._round_ticks(end)
    assert 4 <= len(ticks) <= 9
    assert ticks[-1] <= end
