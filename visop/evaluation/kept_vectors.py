"""The vectors of an evaluation, in files: those of a hundred thousand pictures do not fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from visop.evaluation.metrics import Floats


class PartVectors:
    """The vectors of all originals, the whole of each first, in a file that grows.

    Args:
        file: which is made.
        dimension: of a vector.
    """

    def __init__(self, file: Path, dimension: int) -> None:
        self._file, self._dimension = file, dimension
        self._counts: list[int] = []
        file.touch()

    def add(self, whole: Floats, parts: Floats) -> None:
        """Add an original: its vector (D,), and those of its parts. Zeros, which stand for none, are left out."""
        every = np.stack([whole, *parts]).astype(np.float32)
        kept = every[every.any(axis=1)]
        kept = kept if len(kept) else every[:1]
        with self._file.open("ab") as file:
            file.write(kept.tobytes())
        self._counts.append(len(kept))

    def gallery(self) -> Floats:
        """All vectors, (rows, D), read from the file as they are needed."""
        return np.memmap(self._file, np.float32, "r", shape=(sum(self._counts), self._dimension))

    def starts(self) -> npt.NDArray[np.int64]:
        """The first row of each original, (originals,)."""
        return np.cumsum([0, *self._counts[:-1]])


class KeptVectors:
    """The vectors of one encoder.

    Args:
        folder: for the files.
        shape: pictures, vectors of each without those of parts, and the dimension.
        schemes: how many schemes of parts there are.

    Attributes:
        wholes: (pictures, vectors, D), of each picture that of the original first.
        parts: those of the originals with their parts, by scheme.
        added: how many pictures there are so far.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int], schemes: int) -> None:
        folder.mkdir()
        self.wholes: Floats = np.memmap(folder / "wholes", np.float32, "w+", shape=shape)
        self.added = 0
        self.parts = [PartVectors(folder / f"parts-{number}", shape[2]) for number in range(schemes)]

    def add(self, vectors: Floats, counts: Sequence[int]) -> None:
        """Add those of one picture: of the wholes, then of the parts, of which each scheme has so many."""
        wholes = self.wholes.shape[1]
        self.wholes[self.added] = vectors[:wholes]
        self.added += 1
        ends = wholes + np.cumsum([0, *counts])
        for kept, start, end in zip(self.parts, ends, ends[1:], strict=False):
            kept.add(vectors[0], vectors[start:end])
