"""An index file, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.search.embedded.test_probes import made_vectors
from visop.search.embedded.index_file import Wanted, build
from visop.search.embedded.vector_index import Floats, IndexFacts, Rows, VectorIndex

OLD = '{"file": "a.faiss", "bytes": 9, "last": 7, "rows": 7, "trained": 7, "clusters": 200, "probes": 64}'


class Given:
    """Vectors of the rows 1, 2, 3 ..., which counts how many are asked for out of order."""

    def __init__(self, vectors: Floats) -> None:
        self._vectors, self.picked = vectors, 0

    def behind(self, row: int) -> Iterator[tuple[Rows, Floats]]:
        yield np.arange(row + 1, len(self._vectors) + 1), self._vectors[row:]

    def of(self, rows: Rows) -> Floats:
        self.picked += len(rows)
        return self._vectors[rows - 1]


def alive(count: int) -> Rows:
    return np.arange(1, count + 1)


def test_facts_are_read_as_they_were_written() -> None:
    facts = IndexFacts("a.faiss", 1, 2, 3, 4, 5, 6, 7, 8, 9)
    assert IndexFacts.of_text(facts.text()) == facts


def test_facts_of_an_earlier_version_are_read() -> None:
    facts = IndexFacts.of_text(OLD)
    assert (facts.probes_for(10), facts.probes_for(1000), facts.parts) == (64, 64, 1)


def test_more_clusters_are_looked_into_for_more_rows() -> None:
    facts = replace(IndexFacts.of_text(OLD), deep_probes=96)
    assert [facts.probes_for(rows) for rows in (1, 10, 100)] == [64, 64, 96]
    assert 64 < facts.probes_for(30) < 96 < facts.probes_for(1000) < facts.probes_for(16384) == 200


@pytest.mark.parametrize(("rows", "is_tried"), [(4400, False), (5200, True)])
def test_an_index_that_has_grown_little_is_not_tried_again(tmp_path: Path, rows: int, is_tried: bool) -> None:
    made = Given(made_vectors(5200, 1))
    before = build(tmp_path, "a", made, Wanted(alive(4000), parts=3))
    made.picked = 0
    after = build(tmp_path, "a", made, Wanted(alive(rows), parts=4), before=before)
    assert (made.picked > 0) == is_tried
    assert (before.tried, after.tried, after.rows) == (4000, rows if is_tried else 4000, rows)
    assert (before.parts, after.parts, before.trained, after.trained) == (3, 4, 4000, 4000)


def test_an_index_that_has_grown_much_gets_more_clusters(tmp_path: Path) -> None:
    made = Given(made_vectors(5200, 1))
    before = build(tmp_path, "a", made, Wanted(alive(1000)))
    after = build(tmp_path, "a", made, Wanted(alive(5200)), before=before)
    assert (before.clusters, after.clusters, after.trained) == (31, 72, 5200)


def test_a_search_of_an_open_index_reads_nothing_but_what_it_needs(tmp_path: Path) -> None:
    made = made_vectors(2000, 1)
    index = VectorIndex(tmp_path, build(tmp_path, "a", Given(made), Wanted(alive(2000))))
    rows, products, is_all = index.nearest(made[5], 20, 20, None)
    assert (rows[0], is_all) == (6, False)
    assert np.allclose(products, made[rows - 1] @ made[5], atol=0.05)
    rows, _, is_all = index.nearest(made[5], 20, 20, np.array([3, 6, 900]))
    assert (sorted(rows), is_all) == ([3, 6, 900], True)
