"""How well a detector finds what is annotated: mean average precision, as Pascal VOC and as COCO define it.

- VOC 2007 (Everingham et al. 2010, section 4.2): a box is right if its intersection with an object is at least half of
  their union; precision is interpolated at 11 recalls. An object is taken by the best box that overlaps it most.
- COCO (https://cocodataset.org/#detection-eval): the mean over the overlaps 0.50, 0.55 ... 0.95, with precision at 101
  recalls. A box takes the object that it overlaps most of those that are left; 100 boxes of a class count in a picture.

Our own, because pycocotools, with which the tests compare it, knows neither the rule of VOC nor its difficult objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from visop.annotations.truth import Truth
from visop.detection import Detection
from visop.processors.boxes import overlap

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_VOC_RECALLS, _COCO_RECALLS = np.linspace(0, 1, 11), np.linspace(0, 1, 101)
_COCO_OVERLAPS = np.linspace(0.5, 0.95, 10)
_COCO_MOST = 100


@dataclass(frozen=True)
class MeanPrecision:
    """Mean average precision, 0 to 1, over the labels of which there are objects.

    Attributes:
        voc: at an overlap of 0.5, at 11 recalls.
        coco: over the overlaps from 0.50 to 0.95, at 101 recalls.
        coco_50: the same at 0.50 only.
        by_label: ``voc`` of each label.
        coco_by_label: ``coco`` of each label.
        objects: how many there are of each label.
    """

    voc: float
    coco: float
    coco_50: float
    by_label: Mapping[str, float]
    coco_by_label: Mapping[str, float]
    objects: Mapping[str, int]


@dataclass(frozen=True)
class WorkingPoint:
    """What holds if only boxes of at least some score are taken, at an overlap of 0.5.

    Attributes:
        score: the least one.
        precision: the share of the boxes that are right.
        recall: the share of the objects that are found.
    """

    score: float
    precision: float
    recall: float


@dataclass(frozen=True)
class _Picture:
    """One label in one picture.

    Attributes:
        scores: of the D boxes, falling.
        overlaps: (D, T) with the objects.
        asked: (T,), whether each is to be found.
    """

    scores: Numbers
    overlaps: Numbers
    asked: Flags


def mean_precision(
    found: Sequence[Sequence[Detection]], truths: Sequence[Sequence[Truth]], labels: Sequence[str]
) -> MeanPrecision:
    """Measure what was found.

    Args:
        found: in each picture.
        truths: in each picture, in the same order.
        labels: what is looked at.

    Raises:
        ValueError: there is no object of any of the labels that was asked for.
    """
    by_label = {label: _pictures(found, truths, label) for label in labels}
    objects = {label: sum(int(each.asked.sum()) for each in pictures) for label, pictures in by_label.items()}
    there = [label for label in labels if objects[label]]
    if not there:
        raise ValueError("there are no objects to find")
    voc = {label: _voc(by_label[label]) for label in there}
    coco = np.array([[_coco(by_label[label], at) for at in _COCO_OVERLAPS] for label in there])
    mean = float(np.mean(list(voc.values())))
    of_coco = dict(zip(there, map(float, coco.mean(axis=1)), strict=True))
    return MeanPrecision(mean, float(coco.mean()), float(coco[:, 0].mean()), voc, of_coco, objects)


def best_working_point(
    found: Sequence[Sequence[Detection]], truths: Sequence[Sequence[Truth]], labels: Sequence[str]
) -> WorkingPoint:
    """The least score that gives the highest F1, the harmonic mean of precision and recall, over all labels together.

    Arguments as of ``mean_precision``; where nothing that is found is right, the score is 1.
    """
    pictures = [each for label in labels for each in _pictures(found, truths, label)]
    objects = sum(int(each.asked.sum()) for each in pictures)
    scores, right = _ranked(pictures, [_matched_voc(each) for each in pictures])
    hits = np.cumsum(right)
    if not hits.size or not hits[-1]:
        return WorkingPoint(1.0, 0.0, 0.0)
    counts = np.arange(1, len(hits) + 1)
    best = int(np.argmax(2 * hits / (counts + objects)))
    return WorkingPoint(float(scores[best]), float(hits[best] / counts[best]), float(hits[best] / objects))


def errors_in(found: Sequence[Detection], truths: Sequence[Truth]) -> tuple[int, int]:
    """In one picture, how many objects are missed, and how many boxes are wrong, at an overlap of 0.5."""
    missed = wrong = 0
    for label in {each.label for each in found} | {each.label for each in truths}:
        [picture] = _pictures([found], [truths], label)
        right, counts = _matched_voc(picture)
        missed += int(picture.asked.sum()) - int(right.sum())
        wrong += int((counts & ~right).sum())
    return missed, wrong


def _pictures(found: Sequence[Sequence[Detection]], truths: Sequence[Sequence[Truth]], label: str) -> list[_Picture]:
    return [
        _picture([each for each in boxes if each.label == label], [each for each in objects if each.label == label])
        for boxes, objects in zip(found, truths, strict=True)
    ]


def _picture(found: Sequence[Detection], truths: Sequence[Truth]) -> _Picture:
    found = sorted(found, key=lambda each: -each.score)
    boxes, objects = (_edges([each.box for each in some]) for some in (found, truths))
    overlaps = np.zeros((len(found), len(truths)))
    for column, truth in enumerate(truths):
        overlaps[:, column] = _overlaps(objects[column], boxes, crowd=truth.crowd)
    asked = np.array([truth.asked for truth in truths], bool)
    return _Picture(np.array([each.score for each in found], float), overlaps, asked)


def _edges(boxes: Sequence[Sequence[float]]) -> Numbers:
    rows = np.array(boxes, float).reshape(-1, 4)
    rows[:, 2:] += rows[:, :2]
    return rows


def _overlaps(truth: Numbers, boxes: Numbers, *, crowd: bool) -> Numbers:
    """Of each box; with a crowd, what share of the box lies in it."""
    if not crowd:
        return np.asarray(overlap(truth, boxes), float)  # type: ignore[arg-type]
    sides = np.clip(np.minimum(truth[2:], boxes[:, 2:]) - np.maximum(truth[:2], boxes[:, :2]), 0, None)
    own = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    shares: Numbers = np.divide(np.prod(sides, axis=1), own, out=np.zeros_like(own), where=own > 0)
    return shares


def _voc(pictures: Sequence[_Picture]) -> float:
    return _average(pictures, [_matched_voc(each) for each in pictures], _VOC_RECALLS)


def _coco(pictures: Sequence[_Picture], at: float) -> float:
    some = [_Picture(each.scores[:_COCO_MOST], each.overlaps[:_COCO_MOST], each.asked) for each in pictures]
    return _average(some, [_matched_coco(each, at) for each in some], _COCO_RECALLS)


def _matched_voc(picture: _Picture) -> tuple[Flags, Flags]:
    """Of each box, whether it is right, and whether it counts."""
    right, counts = np.zeros(len(picture.scores), bool), np.ones(len(picture.scores), bool)
    if not len(picture.asked):
        return right, counts
    taken: set[int] = set()
    for row, (best, most) in enumerate(zip(picture.overlaps.argmax(1), picture.overlaps.max(1), strict=True)):
        if most < 0.5:
            continue
        counts[row] = picture.asked[best]
        right[row] = picture.asked[best] and best not in taken
        taken.add(best)
    return right, counts


def _matched_coco(picture: _Picture, at: float) -> tuple[Flags, Flags]:
    """The same; a box that finds none of those that are asked for may lie on one that is not."""
    right, counts = np.zeros(len(picture.scores), bool), np.ones(len(picture.scores), bool)
    left = picture.asked.copy()
    others = picture.overlaps[:, ~picture.asked].max(axis=1, initial=0)
    for row, overlaps in enumerate(picture.overlaps):
        reached = np.flatnonzero(left & (overlaps >= at))
        if len(reached):
            left[reached[overlaps[reached].argmax()]] = False
            right[row] = True
        else:
            counts[row] = others[row] < at
    return right, counts


def _ranked(pictures: Sequence[_Picture], matched: Sequence[tuple[Flags, Flags]]) -> tuple[Numbers, Flags]:
    """The scores of all boxes that count, falling, and whether each is right."""
    scores = np.concatenate([each.scores for each in pictures])
    right, counts = (np.concatenate(some) for some in zip(*matched, strict=True))
    order = np.argsort(-scores, kind="stable")
    order = order[counts[order]]
    return scores[order], right[order]


def _average(pictures: Sequence[_Picture], matched: Sequence[tuple[Flags, Flags]], recalls: Numbers) -> float:
    """The mean of the precisions at these recalls: at each, the highest one at that recall or more."""
    _, right = _ranked(pictures, matched)
    objects = sum(int(each.asked.sum()) for each in pictures)
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    highest = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(highest[np.searchsorted(hits / objects, recalls, side="left")].mean())
