from __future__ import annotations

import pytest

from visop.spelling import near_miss

KNOWN = ["bind", "model", "max_batch", "max_calls"]


@pytest.mark.parametrize("slip", ["bind", "bnid", "binds", "bin", "bund", "BIND", "b_ind"])
def test_one_slip_is_near(slip: str) -> None:
    assert near_miss(slip, KNOWN) == "bind"


def test_two_slips_are_near_in_a_long_name_only() -> None:
    assert near_miss("mux_bacth", KNOWN) == "max_batch"
    assert near_miss("dibn", KNOWN) is None


def test_of_two_names_the_nearer_one_is_meant() -> None:
    assert near_miss("max_ball", ["max_call", "max_batch"]) == "max_call"


@pytest.mark.parametrize("name", ["", "service_host", "bind_port", "model_id_2", "max"])
def test_what_is_longer_or_shorter_by_more_is_another_name(name: str) -> None:
    assert near_miss(name, KNOWN) is None
