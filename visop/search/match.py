"""Turn the scores of Milvus into distances and cosines, and say which pictures are copies."""

from __future__ import annotations

import math
from dataclasses import dataclass

from visop.search.milvus.collection import Hit
from visop.search.milvus.schema import Picture


@dataclass(frozen=True)
class Match:
    """A picture that was found.

    Attributes:
        picture: what it is, and under which names it is known.
        score: in the metric of the index: for L2 the Euclidean distance, 0 to 2; for IP and COSINE the cosine.
        cosine: of the angle between the two vectors, -1 to 1; the higher the more alike, whatever the metric.
        is_copy: whether the cosine reaches the threshold of the encoder; None if it has none.
    """

    picture: Picture
    score: float
    cosine: float
    is_copy: bool | None


def match_of(hit: Hit, metric: str, threshold: float | None) -> Match:
    """Make a match of a hit, for vectors of unit length; with a threshold, say whether it is a copy."""
    cosine = cosine_of(hit.score, metric)
    score = math.sqrt(max(0.0, hit.score)) if metric == "L2" else hit.score
    return Match(hit.picture, score, cosine, None if threshold is None else cosine >= threshold)


def cosine_of(score: float, metric: str) -> float:
    """The cosine of two unit vectors from the score of Milvus, which for L2 is the squared distance.

    |a - b|^2 = 2 - 2 cos(a, b); that Milvus leaves out the square root: https://milvus.io/docs/metric.md
    """
    return min(1.0, max(-1.0, 1.0 - score / 2.0 if metric == "L2" else score))
