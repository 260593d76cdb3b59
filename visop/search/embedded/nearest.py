"""Find the nearest pictures of a vector: candidates first, then what they are worth, by the vectors themselves."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from visop.search.attributes import Declared
from visop.search.embedded import rows as tables
from visop.search.embedded.filters import EVERYTHING, Condition
from visop.search.embedded.recent import RecentVectors
from visop.search.embedded.vector_index import VectorIndex
from visop.search.schema import Hit

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

# Of the order that the index gives, the first few can be wrong; and pictures have several parts.
_FOR_EACH = 4
_AT_LEAST = 128

# If the best candidates meet no condition, the rows that meet it are looked up; and so many more candidates each time.
_GROWTH = 4


@dataclass(frozen=True)
class Vectors:
    """All vectors of a collection: those in an index, and those that came later."""

    index: VectorIndex | None
    recent: RecentVectors

    def nearest(self, query: Floats, count: int, allowed: Rows | None) -> tuple[Rows, bool]:
        """Return about the nearest rows, the nearest first, and whether these are all."""
        rows, products, is_all = self.recent.nearest(query, count, allowed)
        if self.index is not None:
            others, theirs, are_all = self.index.nearest(query, count, allowed)
            rows, products = np.concatenate([others, rows]), np.concatenate([theirs, products])
            is_all = is_all and are_all
        order = np.argsort(-products, kind="stable")[:count]
        return rows[order], is_all and len(order) == len(rows)


@dataclass(frozen=True)
class Search:
    """One search of a collection, within one transaction.

    Attributes:
        connection: in the transaction.
        vectors: of the collection.
        metric: of the index.
        declared: attributes of the index.
        condition: that what is found has to meet.
        allowed: returns the rows that meet it, sorted.
    """

    connection: sqlite3.Connection
    vectors: Vectors
    metric: str
    declared: Declared
    condition: Condition
    allowed: Callable[[], Rows]

    def nearest(self, query: Floats, k: int) -> list[Hit]:
        """Return the nearest pictures, each once, by its nearest part."""
        count, allowed = max(_AT_LEAST, _FOR_EACH * k), None
        while True:
            rows, is_all = self.vectors.nearest(query, count, allowed)
            found = self._best_parts(query, rows, EVERYTHING if allowed is not None else self.condition)
            if len(found) >= k or is_all:
                return self._hits(found[:k])
            if allowed is None and self.condition is not EVERYTHING:
                allowed = self.allowed()
            else:
                count *= _GROWTH

    def _best_parts(self, query: Floats, rows: Rows, condition: Condition) -> list[tuple[int, int, float]]:
        """Of rows, the best of each picture: (picture, row, score), the best first."""
        sql = (
            "SELECT parts.row, parts.picture, vectors.vector FROM json_each(?) AS wanted "  # noqa: S608
            "CROSS JOIN parts ON parts.row = wanted.value CROSS JOIN vectors ON vectors.row = parts.row "
            f"CROSS JOIN pictures ON pictures.number = parts.picture WHERE {condition.sql}"
        )
        there = self.connection.execute(sql, (json.dumps(rows.tolist()), *condition.values)).fetchall()
        if not there:
            return []
        numbers, pictures, blobs = zip(*there, strict=True)
        vectors = np.frombuffer(b"".join(blobs), np.float32).reshape(len(there), -1)
        scores, order = _ranked(query, vectors, self.metric)
        best: dict[int, tuple[int, int, float]] = {}
        for each in order.tolist():
            best.setdefault(pictures[each], (pictures[each], numbers[each], float(scores[each])))
        return list(best.values())

    def _hits(self, found: list[tuple[int, int, float]]) -> list[Hit]:
        pictures = tables.pictures_of(self.connection, [picture for picture, _, _ in found], self.declared)
        return [
            Hit(pictures[picture], score, *tables.detection_of(self.connection, row)) for picture, row, score in found
        ]


def _ranked(query: Floats, vectors: Floats, metric: str) -> tuple[Floats, npt.NDArray[np.intp]]:
    """The scores of vectors as Milvus gives them in a metric, and their order, the nearest first."""
    if metric == "L2":
        scores = np.square(vectors - query).sum(axis=1)
        return scores, np.argsort(scores, kind="stable")
    scores = vectors @ query
    if metric == "COSINE":
        scores /= np.maximum(np.linalg.norm(vectors, axis=1) * np.linalg.norm(query), np.finfo(np.float32).tiny)
    return scores, np.argsort(-scores, kind="stable")
