from __future__ import annotations

import numpy as np
import pytest

from visop.errors import SettingsError
from visop.processors.regions import SCHEMES, Regions, region_boxes
from visop.processors.registry import built_in_processor
from visop.settings import Settings


@pytest.mark.parametrize("count", SCHEMES)
@pytest.mark.parametrize("size", [(640, 480), (1, 1), (1, 5000), (7, 3)], ids=str)
def test_a_scheme_has_as_many_regions_as_it_says(count: int, size: tuple[int, int]) -> None:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    found = Regions(count).execute(image)
    assert len(found) == count
    assert tuple(map(int, found[0].box)) == (0, 0, *size)
    assert [each.label for each in found[1:]] == ["window"] * (count - 1)


@pytest.mark.parametrize("count", SCHEMES)
def test_windows_reach_from_edge_to_edge_and_leave_no_gap(count: int) -> None:
    covered = np.zeros((100, 100), int)
    for x, y, w, h in region_boxes(count, (100, 100))[1:]:
        covered[round(y) : round(y + h), round(x) : round(x + w)] += 1
    assert covered.min() >= 1


def test_there_are_no_other_schemes() -> None:
    with pytest.raises(SettingsError, match="must be one of regions:5, regions:10, regions:26, regions:62"):
        built_in_processor("regions:11", Settings())


def test_regions_alone_are_ten() -> None:
    found = built_in_processor("regions", Settings())
    assert found is not None
    assert found.name == "regions:10"


@pytest.mark.parametrize("text", ["embedded", "my_module:Class", "127.0.0.1:50051", "", "regions:x", "regions:-1"])
def test_other_names_are_none_of_ours(text: str) -> None:
    assert built_in_processor(text, Settings()) is None
