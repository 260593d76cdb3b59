from __future__ import annotations

import numpy as np
import pytest

from tests.processors.ssd.loops import selected
from visop.processors.boxes import Floats
from visop.processors.ssd.selection import SelectionRule, select


def random_boxes(count: int, seed: int) -> Floats:
    corners = np.sort(np.random.default_rng(seed).random((count, 2, 2)), axis=1)
    return corners.reshape(count, 4).astype(np.float32)


@pytest.mark.parametrize(
    "rule",
    [
        SelectionRule(),
        SelectionRule(score=0.01, overlap=0.3, most_per_class=20, most=15),
        SelectionRule(score=0.2, overlap=0.6, most_looked_at=40),
    ],
    ids=["usual", "few answered", "few looked at"],
)
def test_what_is_selected_is_what_loops_over_pairs_leave(rule: SelectionRule) -> None:
    boxes, scores = random_boxes(120, 1), np.random.default_rng(2).random((120, 4)).astype(np.float32)
    for each in (scores, np.asfortranarray(scores)):
        rows, classes = select(boxes, each, rule)
        assert list(zip(rows.tolist(), classes.tolist(), strict=True)) == selected(boxes.tolist(), scores, rule)


def test_nothing_above_the_score_is_nothing_and_nan_is_never_selected() -> None:
    boxes = random_boxes(3, 0)
    for value in (0.5, float("nan")):
        rows, classes = select(boxes, np.full((3, 2), value, np.float32), SelectionRule(score=0.5))
        assert rows.tolist() == classes.tolist() == []


def test_a_box_may_stay_for_several_classes() -> None:
    rows, classes = select(random_boxes(1, 0), np.array([[0.6, 0.9]], np.float32), SelectionRule())
    assert (rows.tolist(), classes.tolist()) == ([0, 0], [1, 0])
