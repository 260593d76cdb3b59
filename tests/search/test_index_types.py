import pytest

from opkit.errors import SettingsError
from opkit.search.index_types import FLAT_UP_TO, IndexType, default_index_type, parse_index_type


def test_small_indexes_are_exact_and_large_ones_are_graphs():
    assert default_index_type(FLAT_UP_TO).kind == "FLAT"
    assert default_index_type(FLAT_UP_TO + 1).kind == "HNSW"


def test_given_parameters_win_over_ours():
    chosen = parse_index_type("hnsw:M=8", 10)
    assert (chosen.kind, chosen.params) == ("HNSW", {"M": "8", "efConstruction": "200"})


def test_clusters_follow_the_square_root():
    assert parse_index_type("IVF_FLAT", 1_000_000).params == {"nlist": "4000"}


def test_every_type_that_needs_clusters_has_them():
    assert parse_index_type("SCANN", 10_000).params == {"nlist": "400"}
    assert parse_index_type("SCANN", 10_000).search_params(10) == {"nprobe": 50, "reorder_k": 200}


def test_an_index_type_reads_as_it_is_typed():
    assert str(parse_index_type("HNSW:M=8", 10)) == "HNSW:M=8,efConstruction=200"
    assert str(IndexType("FLAT")) == "FLAT"


def test_a_graph_looks_at_more_than_it_answers():
    assert parse_index_type("HNSW", 10).search_params(1000)["ef"] >= 1000


@pytest.mark.parametrize("text", ["TREE", "HNSW:", "HNSW:M", "HNSW:M=1;x=2", ""])
def test_what_is_no_index_type_is_refused(text):
    with pytest.raises(SettingsError, match=r"--index-type .*must be auto, or one of FLAT, HNSW"):
        parse_index_type(text, 10)


def test_an_index_is_like_another_as_far_as_milvus_says():
    built = IndexType("HNSW", {"M": "24", "efConstruction": "200"})
    assert built.is_like(parse_index_type("HNSW", 10))
    assert not built.is_like(parse_index_type("HNSW:M=8", 10))
    assert not built.is_like(parse_index_type("FLAT", 10))
    assert IndexType("HNSW").is_like(parse_index_type("HNSW:M=8", 10))
