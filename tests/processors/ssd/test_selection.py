from __future__ import annotations

import numpy as np
import pytest

from visop.processors.boxes import Floats
from visop.processors.ssd.selection import SelectionRule, select


def random_boxes(count: int, seed: int) -> Floats:
    corners = np.sort(np.random.default_rng(seed).random((count, 2, 2)), axis=1)
    return corners.reshape(count, 4).astype(np.float32)


def union_share(a: list[float], b: list[float]) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    both = max(wide, 0) * max(high, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def by_loops(boxes: Floats, scores: Floats, rule: SelectionRule) -> list[tuple[int, int]]:
    """An independent statement of the same."""
    looked_at = []
    for each in range(scores.shape[1]):
        found = [(-float(scores[row, each]), row, each) for row in range(len(boxes)) if scores[row, each] > rule.score]
        looked_at += sorted(found)[: rule.most_per_class]
    kept: list[tuple[int, int]] = []
    for _, row, each in sorted(looked_at)[: rule.most_looked_at]:
        others = [other for other, its in kept if its == each]
        if all(union_share(boxes[row].tolist(), boxes[other].tolist()) <= rule.overlap for other in others):
            kept.append((row, each))
    return kept[: rule.most]


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
    rows, classes = select(boxes, scores, rule)
    assert list(zip(rows.tolist(), classes.tolist(), strict=True)) == by_loops(boxes, scores, rule)


def test_nothing_above_the_score_is_nothing_and_nan_is_never_selected() -> None:
    boxes = random_boxes(3, 0)
    for value in (0.5, float("nan")):
        rows, classes = select(boxes, np.full((3, 2), value, np.float32), SelectionRule(score=0.5))
        assert rows.tolist() == classes.tolist() == []


def test_a_box_may_stay_for_several_classes() -> None:
    rows, classes = select(random_boxes(1, 0), np.array([[0.6, 0.9]], np.float32), SelectionRule())
    assert (rows.tolist(), classes.tolist()) == ([0, 0], [1, 0])
