"""Find the sets of unit vectors that high cosines link, directly or through others: exactly, block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import DisjointSet

# Vectors of one block that are multiplied with another block at once: enough for the processor to be busy with products
# alone, and few enough for the products of 256 x 2,000 vectors to be 2 MB.
_STRIP = 256

_NONE = -2.0


@dataclass(frozen=True)
class _Block:
    """Vectors that came together.

    Attributes:
        first: number of the first one, counted from the first of all.
        vectors: (N, dimension) float32, of unit length.
        thresholds: (N,) float32.
    """

    first: int
    vectors: npt.NDArray[np.float32]
    thresholds: npt.NDArray[np.float32]


class Linked:
    """Vectors, numbered as they come, and the sets of those that are linked.

    In memory are the vectors and the products of one strip. Time is that of one product of every two vectors: it grows
    with the square of their number, however many are linked.
    """

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._sets = DisjointSet()
        self._count = 0

    def add(self, vectors: npt.NDArray[np.float32], thresholds: npt.NDArray[np.float32]) -> None:
        """Link vectors with each other and with all that came before.

        Args:
            vectors: (N, dimension) float32, of unit length.
            thresholds: (N,) float32: two vectors are linked if their cosine reaches the thresholds of both.
        """
        block = _Block(self._count, vectors, thresholds)
        self._blocks.append(block)
        for number in range(self._count, self._count + len(vectors)):
            self._sets.add(number)
        self._count += len(vectors)
        for start in range(0, len(vectors), _STRIP):
            for other in self._blocks:
                self._compare(block, start, other)

    def groups(self) -> list[list[int]]:
        """Return the sets of vectors that are linked, by their numbers; leaves out vectors that are linked to none."""
        return [list(members) for members in self._sets.subsets() if len(members) > 1]

    def _compare(self, block: _Block, start: int, other: _Block) -> None:
        strip = slice(start, start + _STRIP)
        cosines = block.vectors[strip] @ other.vectors.T
        if other is block:
            np.fill_diagonal(cosines[:, start:], _NONE)
        links = cosines >= np.maximum(block.thresholds[strip, None], other.thresholds)
        if links.any():
            self._join(links, block.first + start, other.first)

    def _join(self, links: npt.NDArray[np.bool_], first_row: int, first_column: int) -> None:
        """Merge the sets of the vectors that are linked, (rows, columns).

        Where most vectors are alike, nearly all links are within one set. NumPy drops those, so that Python merges at
        most one link for every pair of sets.
        """
        rows, columns = links.shape
        row_roots = self._roots(first_row, rows)
        column_roots = self._roots(first_column, columns)
        row, column = np.nonzero(links & (row_roots[:, None] != column_roots))
        pairs = np.unique(row_roots[row] * self._count + column_roots[column])
        for first, second in zip((pairs // self._count).tolist(), (pairs % self._count).tolist(), strict=True):
            self._sets.merge(first, second)

    def _roots(self, first: int, count: int) -> npt.NDArray[np.int64]:
        """(count,) int64: of each of these numbers the one that stands for its set."""
        return np.fromiter((self._sets[number] for number in range(first, first + count)), np.int64, count)
