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
        most_looked_at: the same of all classes together; None is no limit.
        most: at most so many are answered.
    """

    score: float = 0.5
    overlap: float = 0.45
    most_per_class: int = 400
    most_looked_at: int | None = None
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
    looked_at = scores > rule.score
    if rule.most_looked_at is not None:
        looked_at = _best(scores, looked_at, rule.most_looked_at)
    streams = [
        _standing_of_class(boxes, scores, looked_at, each, rule)
        for each in np.flatnonzero(looked_at.any(axis=0)).tolist()
    ]
    # Lazily: what comes after the last one answered is never compared with any.
    kept = list(itertools.islice(heapq.merge(*streams), rule.most))
    return np.asarray([row for _, _, row in kept], np.intp), np.asarray([each for _, each, _ in kept], np.intp)


def _best(scores: Floats, looked_at: npt.NDArray[np.bool_], most: int) -> npt.NDArray[np.bool_]:
    """Of what is looked at, the highest scores; of equal ones the first."""
    rows, classes = np.nonzero(looked_at)
    best = np.argsort(-scores[rows, classes], kind="stable")[:most]
    only = np.zeros(looked_at.shape, np.bool_)
    only[rows[best], classes[best]] = True
    return only


def _standing_of_class(
    boxes: Floats, scores: Floats, looked_at: npt.NDArray[np.bool_], each: int, rule: SelectionRule
) -> Iterator[tuple[float, int, int]]:
    """(-score, class, row) of those of a class that stay, the highest score first; of equal scores the first."""
    rows = np.flatnonzero(looked_at[:, each])
    for index in standing(boxes[rows], scores[rows, each], rule.overlap, most=rule.most_per_class):
        row = int(rows[index])
        yield -float(scores[row, each]), each, row
