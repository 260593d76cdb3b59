"""How many clusters a search looks into is found by trial."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from visop.search.embedded.probes import probes_by_trial
from visop.search.embedded.vector_index import Floats, import_faiss

DIMENSION, CLUSTERS = 16, 100


def made_vectors(count: int, seed: int) -> Floats:
    """Around centres, as those of pictures are."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(200, DIMENSION))
    made = centres[random.integers(0, 200, count)] + 0.5 * random.normal(size=(count, DIMENSION))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def index_of(vectors: Floats, clusters: int) -> Any:
    faiss = import_faiss()
    centres, kind = faiss.IndexFlatIP(DIMENSION), faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexIVFScalarQuantizer(centres, DIMENSION, clusters, kind, faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid, index.cp.niter = 1, 4
    index.train(vectors)
    index.add(vectors)
    return index


def recall(index: Any, queries: Floats, depth: int, probes: int) -> float:
    parameters = import_faiss().SearchParametersIVF
    every, some = (index.search(queries, depth, params=parameters(nprobe=each))[1] for each in (CLUSTERS, probes))
    return float(np.mean([len(np.intersect1d(a, b)) / depth for a, b in zip(every, some, strict=True)]))


@pytest.fixture(scope="module")
def index() -> Any:
    return index_of(made_vectors(10_000, 1), CLUSTERS)


def test_so_many_clusters_have_nearly_all_that_is_nearest_to_other_queries(index: Any) -> None:
    few, many = probes_by_trial(index, made_vectors(10_000, 1)[::150])
    assert few <= many < CLUSTERS
    others = made_vectors(200, 2)
    assert recall(index, others, 10, few) >= 0.99
    assert recall(index, others, 100, many) >= 0.99


def test_vectors_without_any_order_need_more_clusters() -> None:
    made = np.random.default_rng(3).normal(size=(5000, DIMENSION)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    index = index_of(made, CLUSTERS)
    few, many = probes_by_trial(index, made[::80])
    assert 40 < few < many <= CLUSTERS
    assert recall(index, made[1::80], 10, few) >= 0.99


@pytest.mark.parametrize(("count", "clusters"), [(1, 1), (5, 2), (50, 300), (300, 1)])
def test_few_vectors_are_all_looked_at(count: int, clusters: int) -> None:
    made = made_vectors(300, 1)
    index = index_of(made, clusters) if clusters < 300 else index_of(made_vectors(400, 4), clusters)
    index.reset()
    index.add(made[:count])
    few, many = probes_by_trial(index, made[: min(count, 64)])
    assert min(clusters, 32) <= few <= many <= clusters


def test_without_queries_all_clusters_are_looked_into(index: Any) -> None:
    assert probes_by_trial(index, np.empty((0, 0), np.float32)) == (CLUSTERS, CLUSTERS)
