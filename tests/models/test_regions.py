from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.numpy_descriptors import grid
from visop.models.regions import Region, regions


def test_a_map_of_seven_by_seven_has_the_fourteen_regions_of_the_paper() -> None:
    found = regions(7, 7)
    assert found[0] == Region(0, 0, 7)
    assert found[1:5] == [Region(top, left, 4) for top in (0, 3) for left in (0, 3)]
    assert found[5:] == [Region(top, left, 3) for top in (0, 2, 4) for left in (0, 2, 4)]


def test_a_map_twice_as_wide_as_high_has_the_regions_of_the_authors_and_not_of_the_ports() -> None:
    sides = [region.side for region in regions(7, 14)]
    assert [sides.count(side) for side in (7, 4, 3)] == [3, 8, 15]


@pytest.mark.parametrize("shape", [(7, 7), (8, 8), (14, 7), (7, 14), (5, 9), (10, 10), (8, 64), (3, 4), (1, 1), (2, 5)])
def test_they_are_those_of_the_formulas_of_the_authors(shape: tuple[int, int]) -> None:
    assert [(region.top, region.left, region.side) for region in regions(*shape)] == grid(*shape)


@given(st.integers(1, 80), st.integers(1, 80))
def test_they_lie_inside_of_the_map_and_turn_with_it(height: int, width: int) -> None:
    found = regions(height, width)
    assert all(0 < each.side <= min(height - each.top, width - each.left) for each in found)
    assert all(each.top >= 0 <= each.left for each in found)
    turned = {(each.left, each.top, each.side) for each in regions(width, height)}
    assert {(each.top, each.left, each.side) for each in found} == turned
