"""The nearest pictures among the nearest vectors. Milvus 2.3 groups none, so that more of them are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

#: That Milvus gives at once.
MOST_HITS = 16384

# Of the vectors nearest to a picture, several are of the same one. Most searches need no second call with so many.
_FIRST, _AT_LEAST, _GROWTH = 4, 24, 4


def first_limit(k: int) -> int:
    """How many vectors to ask for at first, to find k pictures."""
    return min(MOST_HITS, _FIRST * k + _AT_LEAST)


def larger_limit(limit: int) -> int:
    """How many to ask for when these were of too few pictures."""
    return min(MOST_HITS, _GROWTH * limit)


def grouped(hits: Iterable[Mapping[str, Any]], k: int) -> list[dict[str, Any]]:
    """The nearest part of each of at most k pictures, of hits with the nearest first."""
    nearest: dict[str, dict[str, Any]] = {}
    for hit in hits:
        part = hit["entity"]
        if part["picture"] not in nearest:
            nearest[part["picture"]] = {**part, "distance": hit["distance"]}
            if len(nearest) == k:
                break
    return list(nearest.values())
