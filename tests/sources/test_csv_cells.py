"""Cells that are no formulas."""

from __future__ import annotations

import pytest

from visop.encoding.error_list import error_row
from visop.sources.csv_cells import path_cell, text_cell


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_what_may_be_run_is_made_a_path_or_a_text(first: str) -> None:
    assert path_cell(f"{first}a.jpg") == f"./{first}a.jpg"
    assert text_cell(f"{first}1") == f"'{first}1"
    assert error_row(f"{first}a.jpg", "X", f"{first}b") == (f"./{first}a.jpg", "X", f"'{first}b")


@pytest.mark.parametrize("text", ["", "a=b.jpg", "/=a.jpg", "http://h/=a", "0.5", "dog"])
def test_everything_else_stays(text: str) -> None:
    assert path_cell(text) == text_cell(text) == text
