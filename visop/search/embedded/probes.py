"""Find out how many clusters of an index a search has to look into, by trial."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from visop.search.embedded.vector_index import DEPTHS, Floats, import_faiss

#: Vectors of the collection that are searched for.
TRIALS = 128

# What is promised is 0.99 of the ten nearest; queries may be less like the vectors that are there than these are.
_RECALL = 0.997

# To look into so many costs next to nothing.
_FEWEST = 32

# The rest is only looked into if the nearest are found far down in this share of the clusters.
_SHARE = 4


def probes_by_trial(index: Any, queries: Floats) -> tuple[int, int]:
    """Return how many clusters have nearly all of the nearest rows, of each of ``DEPTHS``.

    Args:
        index: of FAISS, in clusters.
        queries: (trials, dimension), vectors that are in it.
    """
    clusters = few = many = int(index.nlist)
    if not len(queries):
        return few, many
    for looked_into in (-(-clusters // _SHARE), clusters):
        ranks = _ranks(index, queries, looked_into)
        few, many = (_quantile(ranks[:, :depth]) for depth in DEPTHS)
        if 2 * max(few, many) <= looked_into:
            break
    fewest = min(_FEWEST, clusters)
    return max(few, fewest), max(many, fewest)


def _quantile(ranks: npt.NDArray[np.float64]) -> int:
    there = ranks[~np.isnan(ranks)]
    return 1 + int(np.quantile(there, _RECALL, method="higher")) if there.size else 1


def _ranks(index: Any, queries: Floats, probes: int) -> npt.NDArray[np.float64]:
    """For the rows nearest to each query but itself, which of its nearest clusters they are in; NaN for no row."""
    faiss = import_faiss()
    count = min(1 + max(DEPTHS), index.ntotal)
    parameters = faiss.SearchParametersIVF(nprobe=probes)
    _, rows, codes = index.search_and_return_codes(queries, count, include_listnos=True, params=parameters)
    found = _clusters_of(codes, index.coarse_code_size())
    _, order = index.quantizer.search(queries, index.nlist)
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(index.nlist)[None], axis=1)
    ranks = np.take_along_axis(places, np.where(rows < 0, 0, found), axis=1).astype(np.float64)
    return np.where(rows < 0, np.nan, ranks)[:, 1:]


def _clusters_of(codes: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.int64]:
    """The number of the cluster that each code begins with, the lowest byte first."""
    powers = 256 ** np.arange(size, dtype=np.int64)
    return np.asarray(codes[..., :size].astype(np.int64) @ powers, np.int64)
