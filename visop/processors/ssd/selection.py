"""Which of the boxes of an SSD are answered: those of a good score that no better one of their class covers."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from visop.processors.boxes import Floats, standing


@dataclass(frozen=True)
class SelectionRule:
    """How boxes are selected.

    Attributes:
        score: a box of a class must have more, 0 to 1.
        overlap: of two boxes of a class whose intersection is more than this share of their union, the better stays.
        most_per_class: at most so many of the highest scores of each class are looked at.
        most_looked_at: the same of all classes together.
        most: at most so many are answered.
    """

    score: float = 0.5
    overlap: float = 0.45
    most_per_class: int = 400
    most_looked_at: int = 1_000_000
    most: int = 200


def select(boxes: Floats, scores: Floats, rule: SelectionRule) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Greedy non-maximum suppression, class by class.

    Args:
        boxes: (N, 4), rows (left, top, right, bottom), in any unit.
        scores: (N, classes), without the background's. NaN is never selected.
        rule: how.

    Returns:
        Indices of the boxes and of their classes, the highest score first; a box may be answered for several classes.
    """
    rows, classes = _candidates(scores, rule)
    streams = [
        _standing_of_class(boxes, scores[:, each], rows[classes == each], int(each), rule)
        for each in np.unique(classes)
    ]
    # Lazily: what comes after the last one answered is never compared with any.
    kept = list(itertools.islice(heapq.merge(*streams), rule.most))
    return np.asarray([row for _, _, row in kept], np.intp), np.asarray([each for _, each, _ in kept], np.intp)


def _candidates(scores: Floats, rule: SelectionRule) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows and classes of the scores that are looked at."""
    rows, classes = np.nonzero(scores > rule.score)
    if len(rows) > rule.most_looked_at:
        best = np.argsort(-scores[rows, classes], kind="stable")[: rule.most_looked_at]
        rows, classes = rows[best], classes[best]
    return rows, classes


def _standing_of_class(
    boxes: Floats, scores: Floats, rows: npt.NDArray[np.intp], each: int, rule: SelectionRule
) -> Iterator[tuple[float, int, int]]:
    """(-score, class, row) of those of a class that stay, the highest score first."""
    rows = np.sort(rows)  # of equal scores the first stays
    for index in standing(boxes[rows], scores[rows], rule.overlap, most=rule.most_per_class):
        yield -float(scores[rows[index]]), each, int(rows[index])
