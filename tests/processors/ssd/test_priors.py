from __future__ import annotations

import math

import numpy as np
import pytest

from visop.processors.ssd.layout import SSD300_MAPS
from visop.processors.ssd.priors import PriorMap, prior_boxes


def by_loops(at_most_the_picture: bool) -> list[list[float]]:
    """The priors of SSD-300 from the pixels that its implementations name."""
    cells, steps = (38, 19, 10, 5, 3, 1), (8, 16, 32, 64, 100, 300)
    sizes = (21, 45, 99, 153, 207, 261, 315)
    found = []
    for each, count in enumerate(cells):
        size, between = sizes[each], math.sqrt(sizes[each] * sizes[each + 1])
        pairs = [(size, size), (between, between)]
        for ratio in (2, 3) if each in (1, 2, 3) else (2,):
            wide = size * math.sqrt(ratio), size / math.sqrt(ratio)
            pairs += [wide, wide[::-1]]
        pairs = [(min(w, 300.0), min(h, 300.0)) for w, h in pairs] if at_most_the_picture else pairs
        for row in range(count):
            for column in range(count):
                middle = (column + 0.5) * steps[each] / 300, (row + 0.5) * steps[each] / 300
                found += [[*middle, w / 300, h / 300] for w, h in pairs]
    return found


@pytest.mark.parametrize("at_most_the_picture", [False, True])
def test_the_priors_of_ssd300_are_those_of_its_implementations(at_most_the_picture: bool) -> None:
    found = prior_boxes(SSD300_MAPS, at_most_the_picture=at_most_the_picture)
    assert found.shape == (8732, 4)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_loops(at_most_the_picture), atol=1e-6)
    assert (found[:, 2:].max() > 1) != at_most_the_picture


def test_maps_of_other_sizes_are_spread_over_the_picture() -> None:
    found = prior_boxes([PriorMap((2, 4), 0.2, 0.8, (4.0,))])
    expected = np.array([[0.125, 0.25, 0.2, 0.2], [0.125, 0.25, 0.4, 0.4], [0.125, 0.25, 0.4, 0.1]])
    np.testing.assert_allclose(found[:3], expected, atol=1e-6)
    assert sorted(set(found[:, 0].tolist())) == [0.125, 0.375, 0.625, 0.875]
    assert sorted(set(found[:, 1].tolist())) == [0.25, 0.75]
    assert len(found) == 2 * 4 * PriorMap((2, 4), 0.2, 0.8, (4.0,)).per_cell
