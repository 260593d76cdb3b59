"""An index over the vectors of a collection, in a file: clusters (IVF) of vectors of one byte a number, by FAISS.

It finds candidates; what they are worth is told by the vectors themselves. It is mapped into memory, so that all
processes share it and nothing is read before it is needed.

FAISS: Douze et al. 2024, https://arxiv.org/abs/2401.08281. Clusters: Jégou et al. 2011, section 4.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

#: So many of the nearest rows, and how many clusters have to be looked into for that is found by trial.
DEPTHS = (10, 100)


@dataclass(frozen=True)
class IndexFacts:
    """What is known of an index file.

    Attributes:
        file: its name.
        bytes: its size: to map one that was cut off would crash the process.
        last: the highest row in it; what came later is not.
        rows: how many are in it, deleted ones included.
        trained: how many there were when the centres were computed.
        clusters: how many there are.
        probes: how many of them a search for the 10 nearest rows looks into.
        deep_probes: the same for the 100 nearest.
        tried: how many rows there were when that was found out; 0: an earlier version did, for 64.
        parts: rows that a picture has, rounded up.
    """

    file: str
    bytes: int
    last: int
    rows: int
    trained: int
    clusters: int
    probes: int
    deep_probes: int = 0
    tried: int = 0
    parts: int = 1

    @classmethod
    def of_text(cls, text: str) -> IndexFacts:
        """Read what ``text`` wrote."""
        return cls(**json.loads(text))

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    def probes_for(self, rows: int) -> int:
        """How many clusters hold so many of the nearest rows; between and beyond ``DEPTHS`` a power of ``rows``."""
        few, many = DEPTHS
        exponent = math.log(max(1.0, self.deep_probes / self.probes), many / few)
        return min(self.clusters, math.ceil(self.probes * math.pow(max(rows, few) / few, exponent)))


class VectorIndex:
    """An index file, open.

    Raises:
        OSError: it is not there, or is another one than the facts say.
    """

    def __init__(self, folder: Path, facts: IndexFacts) -> None:
        path = folder / facts.file
        if os.stat(path).st_size != facts.bytes:
            raise OSError(0, "has another size than was noted", str(path))
        self.facts = facts
        self._index = read_index(path, is_mapped=True)

    def nearest(self, query: Floats, count: int, right: int, allowed: Rows | None) -> tuple[Rows, Floats, bool]:
        """Return about the nearest rows, the nearest first, their inner products, and whether all were looked at.

        Args:
            query: (dimension,).
            count: how many.
            right: of the first so many, nearly none may be missing.
            allowed: of these rows only; sorted.
        """
        facts = self.facts
        probes = facts.clusters if allowed is not None else facts.probes_for(right)
        count = min(count, facts.rows)
        products, rows = self._search(query, count, probes, allowed)
        found = rows >= 0
        return rows[found], products[found], probes == facts.clusters and (count == facts.rows or not found.all())

    def _search(self, query: Floats, count: int, probes: int, allowed: Rows | None) -> tuple[Floats, Rows]:
        faiss = import_faiss()
        selector = None if allowed is None else faiss.IDSelectorBitmap(bits_of(allowed, self.facts.last + 1))
        parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
        products, rows = self._index.search(query[None], count, params=parameters)
        return products[0], rows[0]


def import_faiss() -> Any:
    """FAISS, whose types are not those that it has: its classes are changed when it is imported."""
    import faiss

    return faiss


def read_index(path: Path, *, is_mapped: bool) -> Any:
    """Read an index file, or map it into memory. Raises OSError."""
    faiss = import_faiss()
    try:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP if is_mapped else 0)
    except RuntimeError as error:
        raise OSError(0, str(error), str(path)) from None
    if is_mapped:
        # Else 32 threads read all clusters of each search once more: two to four times its processor time.
        faiss.downcast_InvertedLists(index.invlists).prefetch_nthread = 0
    return index


def bits_of(rows: Rows, size: int) -> npt.NDArray[np.uint8]:
    """A bit for each row below ``size``, which is set for these."""
    bits = np.zeros(-(-size // 8) * 8, bool)
    bits[rows[rows < size]] = True
    return np.packbits(bits, bitorder="little")
