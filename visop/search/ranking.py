"""From the hits of several views of a query to pictures, each once, in one of several modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from visop.contract import Vector
from visop.detection import Box
from visop.errors import UsageError
from visop.search.match import Match, cosine_of, match_of, score_of, shown_score
from visop.search.schema import Hit, Row
from visop.search.store import Collection

#: How the vectors of a picture and those of a query count: the nearest pair; the mean of all pairs; or the whole query
#: with the whole picture alone.
Mode = Literal["best", "mean", "first"]
MODES: tuple[Mode, ...] = get_args(Mode)

#: The most pictures that a search finds.
MAX_K = 16384

# For the other modes, as many times as many pictures as asked for are ranked anew, and at least so many.
_MORE, _LEAST = 4, 100


@dataclass(frozen=True)
class View:
    """A view of a query.

    Attributes:
        vector: (dimension,) float32 of unit length.
        box: in pixels of the picture that it is a view of; None of all that is searched with.
    """

    vector: Vector
    box: Box | None = None


def check_mode(mode: str) -> None:
    """Raise UsageError for what is no mode."""
    if mode not in MODES:
        raise UsageError("mode", mode, f"must be one of {', '.join(MODES)}")


def ranked(
    collection: Collection, views: Sequence[View], k: int, expression: str, mode: Mode, threshold: float | None
) -> list[Match]:
    """Search with all views, and return the pictures that are most like them by a mode, the most similar first.

    Whether a picture is a copy depends on its nearest pair alone, whatever the mode: thresholds are made for that.
    The other modes rank those pictures anew that the nearest pairs find, ``_MORE`` times as many as asked for.

    Args:
        collection: of the index.
        views: one at least, the whole of the query first.
        k: how many pictures.
        expression: a filter over the fields of pictures and parts.
        mode: how several vectors count.
        threshold: the cosine from which on a picture is a copy, if that is known.
    """
    more = k if mode == "best" else min(MAX_K, max(_LEAST, _MORE * k))
    found = collection.search([view.vector for view in views], more, expression)
    metric = collection.operator.metric_type
    nearest = [_match(view, hit, metric, threshold) for view, hit in _merged(views, found, metric)[:more]]
    if mode != "best":
        rows = {row.picture.id: row for row in collection.rows([match.picture.id for match in nearest])}
        nearest = [
            _again(each, rows[each.picture.id], views, mode, metric) for each in nearest if each.picture.id in rows
        ]
        nearest.sort(key=lambda each: -each.cosine)
    return nearest[:k]


def _merged(views: Sequence[View], found: Sequence[Sequence[Hit]], metric: str) -> list[tuple[View, Hit]]:
    """The nearest pair of each picture, the nearest first."""
    pairs = [(view, hit) for view, hits in zip(views, found, strict=True) for hit in hits]
    pairs.sort(key=lambda pair: -cosine_of(pair[1].score, metric))
    best: dict[str, tuple[View, Hit]] = {}
    for pair in pairs:
        best.setdefault(pair[1].picture.id, pair)
    return list(best.values())


def _match(view: View, hit: Hit, metric: str, threshold: float | None) -> Match:
    match = match_of(hit, metric, threshold)
    return match if view.box is None else replace(match, view=view.box)


def _again(match: Match, row: Row, views: Sequence[View], mode: Mode, metric: str) -> Match:
    """The same match, with the score of another mode; the verdict stays."""
    parts = [part.vector for part in row.parts if part.vector is not None]
    cosines = np.stack([view.vector for view in views]) @ np.stack([row.vector, *parts]).T
    cosine = float(np.clip(cosines[0, 0] if mode == "first" else cosines.mean(), -1, 1))
    score = shown_score(score_of(cosine, metric), metric)
    if mode == "first":
        return replace(match, cosine=cosine, score=score, number=0, part=None, view=None)
    return replace(match, cosine=cosine, score=score)
