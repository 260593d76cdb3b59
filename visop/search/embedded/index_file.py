"""Build the index file over the vectors of a collection, or complete the one that is there."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from visop.search.embedded.probes import TRIALS, probes_by_trial
from visop.search.embedded.vector_index import Floats, IndexFacts, Rows, bits_of, import_faiss, read_index

# Vectors of each cluster that its centre is computed from, in so many rounds: more changes the recall by nothing.
_OF_EACH = 64
_ROUNDS = 8
_SEED = 1

# An index that has grown by this factor gets other centres, or is tried again.
_TRAIN_AGAIN = 4.0
_TRY_AGAIN = 1.25


class Cancelled(Exception):
    """The process ends before an index is built."""


class Vectors(Protocol):
    """The vectors of a collection, which may change meanwhile."""

    def behind(self, row: int) -> Iterator[tuple[Rows, Floats]]:
        """Yield the rows behind one in order, with their vectors."""

    def of(self, rows: Rows) -> Floats:
        """Return the vectors of those of these rows that are still there."""


@dataclass(frozen=True)
class Wanted:
    """What an index is to be.

    Attributes:
        alive: the rows that are there, sorted; one or more.
        parts: rows that a picture has, rounded up.
        clusters: how many; None: by the number of vectors.
    """

    alive: Rows
    parts: int = 1
    clusters: int | None = None


def build(
    folder: Path,
    stem: str,
    vectors: Vectors,
    wanted: Wanted,
    *,
    before: IndexFacts | None = None,
    check: Callable[[], object] = lambda: None,
) -> IndexFacts:
    """Build an index file over the vectors of a collection beside those that are there.

    Args:
        folder: gets it.
        stem: of its name.
        vectors: of the collection.
        wanted: what it is to be.
        before: an index that is completed with what came later, unless it has become too small.
        check: called now and then; raises to stop.

    Raises:
        OSError: it cannot be written.
    """
    if before is not None and _is_outgrown(before, wanted):
        before = None
    index = _trained(vectors, wanted, check) if before is None else _without_deleted(folder, before, wanted.alive)
    last = int(wanted.alive[-1])
    for rows, found in vectors.behind(before.last if before else 0):
        check()
        index.add_with_ids(found[rows <= last], rows[rows <= last])
    tried, probes = _probes(index, vectors, wanted.alive, before)
    check()
    file, size = _written(index, folder, f"{stem}.{last}.{os.getpid()}.faiss")
    trained = before.trained if before else len(wanted.alive)
    return IndexFacts(file, size, last, index.ntotal, trained, index.nlist, *probes, tried, wanted.parts)


def clusters_for(count: int) -> int:
    """The number of clusters for so many vectors: then there are as many clusters as vectors in each."""
    return max(1, math.isqrt(count))


def _is_outgrown(before: IndexFacts, wanted: Wanted) -> bool:
    return len(wanted.alive) > _TRAIN_AGAIN * before.trained or wanted.clusters not in (None, before.clusters)


def _without_deleted(folder: Path, before: IndexFacts, alive: Rows) -> Any:
    faiss = import_faiss()
    index = read_index(folder / before.file, is_mapped=False)
    index.remove_ids(faiss.IDSelectorNot(faiss.IDSelectorBitmap(bits_of(alive, before.last + 1))))
    return index


def _trained(vectors: Vectors, wanted: Wanted, check: Callable[[], object]) -> Any:
    faiss = import_faiss()
    clusters = wanted.clusters or clusters_for(len(wanted.alive))
    sample = _sample(vectors, wanted.alive, clusters * _OF_EACH)
    check()
    dimension = sample.shape[1]
    centres, kind = faiss.IndexFlatIP(dimension), faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexIVFScalarQuantizer(centres, dimension, clusters, kind, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter, index.cp.seed = _ROUNDS, _SEED
    index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, _OF_EACH
    index.train(sample)
    return index


def _sample(vectors: Vectors, alive: Rows, count: int) -> Floats:
    """Vectors of so many rows at most, taken by chance."""
    taken = np.random.default_rng(_SEED).choice(alive, min(count, len(alive)), replace=False)
    return vectors.of(np.sort(taken))


def _probes(index: Any, vectors: Vectors, alive: Rows, before: IndexFacts | None) -> tuple[int, tuple[int, int]]:
    """How many clusters a search has to look into, and the number of rows for which that was tried."""
    if before is not None and before.tried and index.ntotal <= _TRY_AGAIN * before.tried:
        return before.tried, (before.probes, before.deep_probes)
    return index.ntotal, probes_by_trial(index, _sample(vectors, alive, TRIALS))


def _written(index: Any, folder: Path, name: str) -> tuple[str, int]:
    """Write an index as a whole or not at all; its name and size."""
    path, part = folder / name, folder / f"{name}.part"
    try:
        import_faiss().write_index(index, str(part))
        size = part.stat().st_size
        part.replace(path)
    except RuntimeError as error:  # FAISS says so of whatever the system said
        raise OSError(_errno_of(str(error)), str(error)) from None
    finally:
        part.unlink(missing_ok=True)
    return name, size


def _errno_of(text: str) -> int:
    return errno.ENOSPC if "No space" in text or "write error" in text else errno.EIO
