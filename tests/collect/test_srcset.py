"""Against the algorithm and the examples of the HTML standard, "Parsing a srcset attribute"."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visop.collect.srcset import Candidate, parse_srcset


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("a.jpg", [Candidate("a.jpg")]),
        ("a.jpg 1x, b.jpg 2x", [Candidate("a.jpg"), Candidate("b.jpg", density=2)]),
        ("a.jpg 400w, b.jpg 800w", [Candidate("a.jpg", 400), Candidate("b.jpg", 800)]),
        ("a.jpg, b.jpg 1.5x", [Candidate("a.jpg"), Candidate("b.jpg", density=1.5)]),
        ("  a.jpg\t400w\n,\nb.jpg\f800w  ", [Candidate("a.jpg", 400), Candidate("b.jpg", 800)]),
        ("a,b,c.jpg 2x", [Candidate("a,b,c.jpg", density=2)]),
        (
            "/w_400,h_300/a.jpg 400w, /w_800,h_600/a.jpg 800w",
            [Candidate("/w_400,h_300/a.jpg", 400), Candidate("/w_800,h_600/a.jpg", 800)],
        ),
        ("a.jpg,b.jpg", [Candidate("a.jpg,b.jpg")]),
        ("a.jpg,,, b.jpg", [Candidate("a.jpg"), Candidate("b.jpg")]),
        (",,, a.jpg", [Candidate("a.jpg")]),
        (
            "data:image/png;base64,AAAA 1x, b.jpg 2x",
            [Candidate("data:image/png;base64,AAAA"), Candidate("b.jpg", density=2)],
        ),
        ("a.jpg 400w 300h", [Candidate("a.jpg", 400)]),
        ("a.jpg 1e1x", [Candidate("a.jpg", density=10)]),
        ("a.jpg 0x", [Candidate("a.jpg", density=0)]),
    ],
)
def test_candidates_are_read(text: str, candidates: list[Candidate]) -> None:
    assert parse_srcset(text) == candidates


@pytest.mark.parametrize(
    "words",
    ["1x 2x", "100w 1x", "100w 100w", "-1x", "+1x", "0w", "-5w", "1.5w", "1q", "x", "w", "infx", "nanx", "1_0x", "٣x"],
)
def test_a_candidate_with_wrong_descriptors_is_left_out(words: str) -> None:
    assert parse_srcset(f"a.jpg {words}, good.jpg 2x") == [Candidate("good.jpg", density=2)]


def test_a_comma_in_parentheses_separates_nothing() -> None:
    assert parse_srcset("a.jpg (1, 2) 3x, b.jpg 2x") == [Candidate("b.jpg", density=2)]


@given(st.text("a,. \t()012wxh"))
def test_any_text_is_read_to_its_end(text: str) -> None:
    for candidate in parse_srcset(text):
        assert candidate.url in text
        assert not candidate.url.startswith(",")
        assert not candidate.url.endswith(",")


def test_the_time_grows_with_the_length() -> None:
    start = time.process_time()
    for text in ("a.jpg 1x," * 20_000, "," * 200_000, "a " * 100_000, "(" * 200_000):
        parse_srcset(text)
    assert time.process_time() - start < 10
