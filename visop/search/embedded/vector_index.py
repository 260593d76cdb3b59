"""An index over the vectors of a collection, in a file: clusters (IVF) of vectors of one byte a number, by FAISS.

It finds candidates; what they are worth is told by the vectors themselves. It is mapped into memory, so that all
processes share it and nothing is read before it is needed.

FAISS: Douze et al. 2024, https://arxiv.org/abs/2401.08281. Clusters: Jégou et al. 2011, section 4.
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

# Vectors of each cluster that its centre is computed from, in so many rounds: more changes the recall by nothing.
_OF_EACH = 64
_ROUNDS = 8
_SEED = 1

# As many probes as find this share of the candidates that looking at everything finds, for queries among the vectors.
_RECALL = 0.998
_TRIALS = 64
_CANDIDATES = 64


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
        probes: how many of them a search looks into.
    """

    file: str
    bytes: int
    last: int
    rows: int
    trained: int
    clusters: int
    probes: int

    @classmethod
    def of_text(cls, text: str) -> IndexFacts:
        """Read what ``text`` wrote."""
        return cls(**json.loads(text))

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))


class Cancelled(Exception):
    """The process ends before an index is built."""


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
        self._index = _read(path, is_mapped=True)

    def nearest(self, query: Floats, count: int, allowed: Rows | None) -> tuple[Rows, Floats, bool]:
        """Return about the nearest rows, the nearest first, their inner products, and whether all were looked at.

        Args:
            query: (dimension,).
            count: how many.
            allowed: of these rows only; sorted.
        """
        facts = self.facts
        probes = facts.clusters if allowed is not None else facts.probes * max(1, math.isqrt(count // _CANDIDATES))
        probes = min(probes, facts.clusters)
        count = min(count, facts.rows)
        products, rows = self._search(query, count, probes, allowed)
        found = rows >= 0
        return rows[found], products[found], probes == facts.clusters and (count == facts.rows or not found.all())

    def _search(self, query: Floats, count: int, probes: int, allowed: Rows | None) -> tuple[Floats, Rows]:
        faiss = _faiss()
        selector = None if allowed is None else faiss.IDSelectorBitmap(_bits(allowed, self.facts.last + 1))
        parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
        products, rows = self._index.search(query[None], count, params=parameters)
        return products[0], rows[0]


def build(
    folder: Path,
    stem: str,
    chunks: Callable[[int], Iterator[tuple[Rows, Floats]]],
    alive: Rows,
    *,
    before: IndexFacts | None = None,
    clusters: int | None = None,
    check: Callable[[], object] = lambda: None,
) -> IndexFacts:
    """Build an index file over the vectors of a collection beside those that are there.

    Args:
        folder: gets it.
        stem: of its name.
        chunks: yields the vectors behind a row.
        alive: the rows that are there, sorted; one or more.
        before: an index that is completed with what came later, unless it has become too small.
        clusters: how many; None: by the number of vectors.
        check: called now and then; raises to stop.

    Raises:
        OSError: it cannot be written.
    """
    last = int(alive[-1])
    index, trained = _begun(folder, before, alive, clusters)
    if index is None:
        index, trained = _trained(chunks, alive, clusters or clusters_for(len(alive)), check), len(alive)
    for rows, vectors in chunks(before.last if before and index.ntotal else 0):
        check()
        index.add_with_ids(vectors[rows <= last], rows[rows <= last])
    probes = _probes(index, _sample(chunks, alive, _TRIALS))
    check()
    return _written(index, folder, stem, last, trained, probes)


def _faiss() -> Any:
    """FAISS, whose types are not those that it has: its classes are changed when it is imported."""
    import faiss

    return faiss


def clusters_for(count: int) -> int:
    """The number of clusters for so many vectors: then there are as many clusters as vectors in each."""
    return max(1, math.isqrt(count))


def _begun(folder: Path, before: IndexFacts | None, alive: Rows, clusters: int | None) -> tuple[Any, int]:
    """The index that is there, without what was deleted; None if it is better to begin anew."""
    if before is None or len(alive) > 4 * before.trained or clusters not in (None, before.clusters):
        return None, 0
    faiss = _faiss()
    index = _read(folder / before.file, is_mapped=False)
    index.remove_ids(faiss.IDSelectorNot(faiss.IDSelectorBitmap(_bits(alive, before.last + 1))))
    return index, before.trained


def _trained(
    chunks: Callable[[int], Iterator[tuple[Rows, Floats]]], alive: Rows, clusters: int, check: Callable[[], object]
) -> Any:
    faiss = _faiss()
    sample = _sample(chunks, alive, clusters * _OF_EACH)
    check()
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(sample.shape[1]),
        sample.shape[1],
        clusters,
        faiss.ScalarQuantizer.QT_8bit,
        faiss.METRIC_INNER_PRODUCT,
    )
    index.cp.niter, index.cp.seed = _ROUNDS, _SEED
    index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, _OF_EACH
    index.train(sample)
    return index


def _sample(chunks: Callable[[int], Iterator[tuple[Rows, Floats]]], alive: Rows, count: int) -> Floats:
    """Vectors of about as many rows, taken by chance."""
    share = min(1.0, count / len(alive))
    random = np.random.default_rng(_SEED)
    taken = [vectors[random.random(len(rows)) < share] for rows, vectors in chunks(0)]
    return np.concatenate(taken)[: max(count, 1)]


def _probes(index: Any, queries: Floats) -> int:
    """How many clusters a search has to look into, by trial."""
    faiss = _faiss()
    if not len(queries):
        return int(index.nlist)
    count = min(_CANDIDATES, index.ntotal)
    _, expected = index.search(queries, count, params=faiss.SearchParametersIVF(nprobe=index.nlist))
    probes = min(8, int(index.nlist))
    while probes < index.nlist:
        _, found = index.search(queries, count, params=faiss.SearchParametersIVF(nprobe=probes))
        shared = sum(len(np.intersect1d(one, other)) for one, other in zip(expected, found, strict=True))
        if shared >= _RECALL * expected.size:
            break
        probes = min(2 * probes, int(index.nlist))
    return probes


def _written(index: Any, folder: Path, stem: str, last: int, trained: int, probes: int) -> IndexFacts:
    faiss = _faiss()
    path = folder / f"{stem}.{last}.{os.getpid()}.faiss"
    part = path.with_name(f"{path.name}.part")
    try:
        faiss.write_index(index, str(part))
        size = part.stat().st_size
        part.replace(path)
    except RuntimeError as error:  # FAISS says so of whatever the system said
        raise OSError(_errno_of(str(error)), str(error)) from None
    finally:
        part.unlink(missing_ok=True)
    return IndexFacts(path.name, size, last, index.ntotal, trained, index.nlist, probes)


def _errno_of(text: str) -> int:
    return errno.ENOSPC if "No space" in text or "write error" in text else errno.EIO


def _read(path: Path, *, is_mapped: bool) -> Any:
    faiss = _faiss()
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP if is_mapped else 0)
    except RuntimeError as error:
        raise OSError(0, str(error), str(path)) from None


def _bits(rows: Rows, size: int) -> npt.NDArray[np.uint8]:
    """A bit for each row below ``size``, which is set for these."""
    bits = np.zeros(-(-size // 8) * 8, bool)
    bits[rows[rows < size]] = True
    return np.packbits(bits, bitorder="little")
