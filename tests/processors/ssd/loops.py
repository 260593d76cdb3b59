"""Decoding and non-maximum suppression again, with loops over numbers: an independent statement."""

from __future__ import annotations

import math

from visop.processors.boxes import Floats
from visop.processors.ssd.selection import SelectionRule

Box = list[float]


def decoded(offsets: Floats, priors: Floats, largest_log: float = math.inf) -> list[Box]:
    """Boxes inside the picture, as shares of its sides: left, top, right, bottom."""
    boxes = []
    for (dx, dy, dw, dh), (x, y, w, h) in zip(offsets.tolist(), priors.tolist(), strict=True):
        middle = x + dx * 0.1 * w, y + dy * 0.1 * h
        size = w * math.exp(min(dw * 0.2, largest_log)), h * math.exp(min(dh * 0.2, largest_log))
        edges = [middle[0] - size[0] / 2, middle[1] - size[1] / 2, middle[0] + size[0] / 2, middle[1] + size[1] / 2]
        boxes.append([min(max(each, 0.0), 1.0) for each in edges])
    return boxes


def selected(boxes: list[Box], scores: Floats, rule: SelectionRule) -> list[tuple[int, int]]:
    """(box, class) of those that stay, the highest score first."""
    looked_at: list[tuple[float, int, int]] = []
    for each in range(scores.shape[1]):
        found = [(-float(scores[row, each]), row, each) for row in range(len(boxes)) if scores[row, each] > rule.score]
        looked_at += sorted(found)[: rule.most_per_class]
    kept: list[tuple[int, int]] = []
    by_class: dict[int, list[int]] = {}
    for _, row, each in sorted(looked_at)[: rule.most_looked_at]:
        if len(kept) < rule.most and all(
            union_share(boxes[row], boxes[other]) <= rule.overlap for other in by_class.setdefault(each, [])
        ):
            kept.append((row, each))
            by_class[each].append(row)
    return kept


def union_share(a: Box, b: Box) -> float:
    """What two boxes share, of what they cover."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    both = max(wide, 0) * max(high, 0)
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return both / whole if whole > 0 else 0.0
