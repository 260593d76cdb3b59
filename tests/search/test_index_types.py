import pytest

from visop.errors import UsageError
from visop.search.index_types import IndexType, choose_index_type, flat_up_to, parse_index_type


def test_small_indexes_are_exact_and_large_ones_are_graphs():
    assert choose_index_type("auto", 2000, flat_limit=2000).kind == "FLAT"
    assert choose_index_type("auto", 2001, flat_limit=2000).kind == "HNSW"


def test_where_a_graph_gains_little_indexes_stay_exact_for_longer():
    assert flat_up_to(256, is_lite=True) == 50_000
    assert flat_up_to(2048, is_lite=True) == 6_250
    assert flat_up_to(256, is_lite=False) == flat_up_to(2048, is_lite=False) == 2000


def test_given_parameters_win_over_ours():
    chosen = choose_index_type("hnsw:M=8", 10, 2000)
    assert (chosen.kind, chosen.params) == ("HNSW", {"M": "8", "efConstruction": "100"})


def test_clusters_follow_the_square_root():
    assert choose_index_type("IVF_FLAT", 1_000_000, 2000).params == {"nlist": "4000"}


def test_every_type_that_needs_clusters_has_them():
    assert choose_index_type("SCANN", 10_000, 2000).params == {"nlist": "400"}
    assert choose_index_type("SCANN", 10_000, 2000).search_params(10) == {"nprobe": 50, "reorder_k": 200}


def test_an_index_type_reads_as_it_is_typed():
    assert str(choose_index_type("HNSW:M=8", 10, 2000)) == "HNSW:M=8,efConstruction=100"
    assert str(IndexType("FLAT")) == "FLAT"


def test_a_graph_looks_at_more_than_it_answers():
    assert choose_index_type("HNSW", 10, 2000).search_params(1000)["ef"] >= 1000


@pytest.mark.parametrize("text", ["TREE", "HNSW:", "HNSW:M", "HNSW:M=1;x=2", ""])
def test_what_is_no_index_type_is_refused(text):
    with pytest.raises(UsageError, match=r"^index_type.*: must be auto, or one of FLAT, HNSW"):
        parse_index_type(text)


def test_an_index_has_what_is_asked_for_if_nothing_asked_for_differs():
    built = IndexType("HNSW", {"M": "24", "efConstruction": "200"})
    assert built.has(parse_index_type("HNSW"))
    assert built.has(parse_index_type("HNSW:M=24"))
    assert not built.has(parse_index_type("HNSW:M=8"))
    assert not built.has(parse_index_type("FLAT"))
    assert not IndexType("HNSW").has(parse_index_type("HNSW:M=8"))
