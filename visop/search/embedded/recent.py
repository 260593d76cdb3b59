"""Vectors that no index has yet: in memory, and compared one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
_Number = TypeVar("_Number", bound=np.generic)


class RecentVectors:
    """Rows behind one row, with their vectors. What was handed out stays as it was when more are appended.

    Args:
        dimension: of the vectors.
        behind: the row behind which they begin.
    """

    def __init__(self, dimension: int, behind: int = 0) -> None:
        self.last = behind
        self._count = 0
        self._rows = np.empty(0, np.int64)
        self._vectors = np.empty((0, dimension), np.float32)

    def __len__(self) -> int:
        return self._count

    def append(self, rows: Sequence[int], blobs: Sequence[bytes]) -> None:
        """Append rows, which are higher than all before, with their vectors as bytes of float32."""
        end = self._count + len(rows)
        if end > len(self._rows):
            size = max(end, len(self._rows) * 3 // 2)
            self._rows = _grown(self._rows, self._count, size)
            self._vectors = _grown(self._vectors, self._count, size)
        self._rows[self._count : end] = rows
        self._vectors[self._count : end] = np.frombuffer(b"".join(blobs), np.float32).reshape(len(rows), -1)
        self._count, self.last = end, rows[-1]

    def behind(self, row: int) -> RecentVectors:
        """Return those behind a row, in memory of their own."""
        rest = RecentVectors(self._vectors.shape[1], row)
        start = int(np.searchsorted(self._rows[: self._count], row, side="right"))
        rest._rows, rest._vectors = self._rows[start : self._count].copy(), self._vectors[start : self._count].copy()
        rest._count, rest.last = self._count - start, max(row, self.last)
        return rest

    def nearest(self, query: Floats, count: int, allowed: Rows | None) -> tuple[Rows, Floats, bool]:
        """As ``VectorIndex.nearest``, but exact."""
        end = self._count
        rows, vectors = self._rows[:end], self._vectors[:end]
        if allowed is not None:
            places = _places(rows, allowed)
            rows, vectors = rows[places], vectors[places]
        products = vectors @ query
        if len(rows) > count:
            taken = np.argpartition(-products, count - 1)[:count]
            return rows[taken], products[taken], False
        return rows, products, True


def _places(rows: Rows, wanted: Rows) -> npt.NDArray[np.intp]:
    """Where in sorted rows those are that are wanted, which are sorted, too."""
    if not len(rows):
        return np.empty(0, np.intp)
    wanted = wanted[np.searchsorted(wanted, rows[0]) : np.searchsorted(wanted, rows[-1], side="right")]
    places = np.searchsorted(rows, wanted)
    is_there = rows[places] == wanted
    return np.asarray(places[is_there])


def _grown(array: npt.NDArray[_Number], count: int, size: int) -> npt.NDArray[_Number]:
    grown = np.empty((size, *array.shape[1:]), array.dtype)
    grown[:count] = array[:count]
    return grown
