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

# So many more candidates each time. If too few of them met the condition even then, the rows that do are looked up,
# which takes 5 microseconds for each of those.
_GROWTH = 4

# Up to so many rows that meet a condition are compared one by one: as fast as the index, which tests each row it has.
_FEW = 512


@dataclass(frozen=True)
class Vectors:
    """All vectors of a collection: those in an index, and those that came later."""

    index: VectorIndex | None
    recent: RecentVectors

    def __len__(self) -> int:
        return len(self.recent) + (self.index.facts.rows if self.index else 0)

    @property
    def parts(self) -> int:
        """Rows that a picture has, about."""
        return self.index.facts.parts if self.index else 1

    def nearest(self, query: Floats, count: int, right: int, allowed: Rows | None) -> tuple[Rows, bool]:
        """Return about the nearest rows, the nearest first, and whether these are all: see ``VectorIndex.nearest``."""
        rows, products, is_all = self.recent.nearest(query, count, allowed)
        if self.index is not None:
            others, theirs, are_all = self.index.nearest(query, count, right, allowed)
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
        known: returns the rows that meet it, sorted, if an earlier search has looked them up.
        allowed: looks them up.
    """

    connection: sqlite3.Connection
    vectors: Vectors
    metric: str
    declared: Declared
    condition: Condition
    known: Callable[[], Rows | None]
    allowed: Callable[[], Rows]

    def nearest(self, query: Floats, k: int) -> list[Hit]:
        """Return the nearest pictures, each once, by its nearest part."""
        first = count = max(_AT_LEAST, _FOR_EACH * k)
        allowed, right = None, k * self.vectors.parts
        if self.condition is not EVERYTHING:
            allowed, right = self._known(count, k), count
        while True:
            rows, is_all = self._candidates(query, count, right, allowed)
            found = self._best_parts(query, rows, EVERYTHING if allowed is not None else self.condition)
            if len(found) >= k or is_all:
                return self._hits(found[:k])
            is_filtered = allowed is None and self.condition is not EVERYTHING
            if is_filtered and (count > first or _GROWTH * len(found) < k):
                allowed = self.allowed()
            else:
                count = right = _GROWTH * count

    def _known(self, count: int, k: int) -> Rows | None:
        """The rows that meet the condition, if they are known, and too few for the nearest of all to be among them."""
        known = self.known()
        return known if known is not None and len(known) * count < 2 * k * len(self.vectors) else None

    def _candidates(self, query: Floats, count: int, right: int, allowed: Rows | None) -> tuple[Rows, bool]:
        if allowed is not None and len(allowed) <= _FEW:
            return allowed, True
        return self.vectors.nearest(query, count, right, allowed)

    def _best_parts(self, query: Floats, rows: Rows, condition: Condition) -> list[tuple[int, int, float]]:
        """Of rows, the best of each picture: (picture, row, score), the best first."""
        sql = (
            "SELECT parts.row, parts.picture, vectors.vector FROM json_each(?) AS wanted "  # noqa: S608
            "CROSS JOIN parts ON parts.row = wanted.value CROSS JOIN pictures ON pictures.number = parts.picture "
            f"CROSS JOIN vectors ON vectors.row = parts.row WHERE {condition.sql}"
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
