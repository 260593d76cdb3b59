from __future__ import annotations

import pytest

from visop.http.engine_errors import EngineError
from visop.web.engine.scores import SCORE_MODES, Ranking, combined, inner_mode, merged, score_mode

# Of three vectors: pictures and how near they are, the nearest first.
HITS = [[("a", 0.9), ("b", 0.5)], [("c", 0.99), ("a", 0.7)], [("c", 0.8), ("d", 0.2), ("e", 0.1)]]


@pytest.mark.parametrize(("mode", "expected"), [("first", "ab"), ("distance_first", "cabde"), ("avg", "acdbe")])
def test_the_hits_of_several_vectors_become_one_list(mode: str, expected: str) -> None:
    assert "".join(merged(mode, HITS)) == expected


def test_the_hits_of_all_vectors_in_turn_are_taken_evenly() -> None:
    assert merged("avg", [[], [("a", 0.1)]]) == ["a"]


def test_of_random_the_chosen_vector_counts_alone() -> None:
    assert [merged("random", HITS, each) for each in range(3)] == [["a", "b"], ["c", "a"], ["c", "d", "e"]]


def test_scores_fall_in_equal_steps_from_one_to_a_half() -> None:
    assert Ranking(["a", "b", "c"], 2).scores == {"a": 2.0, "b": 1.5, "c": 1.0}
    assert Ranking(["a"]).scores == {"a": 1.0}
    assert Ranking([]).scores == {}


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("first", "abc"), ("sum", "badc"), ("max", "badc"), ("min", "badc"), ("multiple", "badc"), ("avg", "badc")],
)
def test_lists_of_fields_become_one_with_the_highest_score_first(mode: str, expected: str) -> None:
    # a has 1 and 0.5, b 0.75 and 1, c 0.5 and 0, d 0 and 0.75.
    assert "".join(combined(mode, [Ranking("abc"), Ranking("bda")], 4)) == expected


def test_max_and_ties_are_ordered_by_the_sum() -> None:
    assert combined("max", [Ranking(["a", "b"]), Ranking(["b", "a"], 0.5)], 9) == ["a", "b"]
    assert combined("min", [Ranking(["a", "c"]), Ranking(["b"])], 9) == ["a", "b", "c"]


def test_a_field_of_more_weight_decides() -> None:
    fields = ["a", "b"], ["b", "a"]
    assert combined("sum", [Ranking(fields[0], 3), Ranking(fields[1], 1)], 1) == ["a"]
    assert combined("sum", [Ranking(fields[0], 1), Ranking(fields[1], 3)], 1) == ["b"]


@pytest.mark.parametrize("given", ["wrong", "", None, 7, ["first"], {"a": 1}], ids=str)
def test_what_is_no_mode_is_refused_by_the_name_of_the_original(given: object) -> None:
    with pytest.raises(EngineError, match="must be one of first") as refused:
        inner_mode(given)
    assert refused.value.name == "WrongInnerFieldModeError"
    with pytest.raises(EngineError, match="must be one of first, sum") as refused:
        score_mode(given)
    assert refused.value.name == "WrongFieldModeError"


def test_modes_have_the_names_of_the_documentation_too() -> None:
    assert [inner_mode(each) for each in ("avg-select", "random-select", "first")] == ["avg", "random", "first"]
    assert [score_mode(each) for each in SCORE_MODES] == ["first", "sum", "max", "min", "multiple", "avg"]
