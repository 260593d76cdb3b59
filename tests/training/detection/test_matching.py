"""Which prior is to find which object."""

from __future__ import annotations

import numpy as np

from visop.processors.ssd.coding import decode
from visop.training.detection.matching import BACKGROUND, IGNORED, pairwise_overlaps, targets

# Middles and sizes: two that differ by a little, one far away.
_PRIORS = np.array([[0.3, 0.3, 0.2, 0.2], [0.32, 0.3, 0.2, 0.2], [0.8, 0.8, 0.3, 0.3]], np.float32)


def _targets(*edges: tuple[float, ...], classes: tuple[int, ...], asked: tuple[bool, ...] = ()) -> np.ndarray:
    boxes = np.array(edges, np.float32).reshape(-1, 4)
    return targets(boxes, np.array(classes), np.array(asked or (True,) * len(classes)), _PRIORS)


def test_every_prior_that_overlaps_an_object_by_more_than_half_is_to_find_it() -> None:
    found = _targets((0.2, 0.2, 0.4, 0.4), classes=(3,))
    assert found[:, 4].tolist() == [3, 3, BACKGROUND]
    np.testing.assert_allclose(decode(found[:2, :4], _PRIORS[:2]), [[0.2, 0.2, 0.4, 0.4]] * 2, atol=1e-6)
    assert not found[2, :4].any()


def test_an_object_that_no_prior_fits_gets_the_one_that_overlaps_it_most() -> None:
    found = _targets((0.7, 0.78, 0.72, 0.8), classes=(1,))
    assert found[:, 4].tolist() == [BACKGROUND, BACKGROUND, 1]


def test_each_object_gets_its_best_prior_even_if_another_overlaps_that_more() -> None:
    # The second fits the last prior; the first, which is tiny, has no other prior than it.
    found = _targets((0.66, 0.66, 0.94, 0.94), (0.2, 0.2, 0.4, 0.4), classes=(1, 2))
    assert found[:, 4].tolist() == [2, 2, 1]


def test_nothing_is_said_of_priors_on_objects_that_are_not_asked_for() -> None:
    found = _targets((0.2, 0.2, 0.4, 0.4), (0.65, 0.65, 0.95, 0.95), classes=(1, 2), asked=(False, True))
    assert found[:, 4].tolist() == [IGNORED, IGNORED, 2]


def test_a_picture_of_nothing_is_background() -> None:
    assert not _targets(classes=()).any()


def test_overlaps_are_shares_of_the_union() -> None:
    boxes = np.array([[0, 0, 2, 2], [5, 5, 6, 6]], np.float32)
    others = np.array([[0, 0, 2, 1], [1, 1, 3, 3], [0, 0, 2, 2]], np.float32)
    np.testing.assert_allclose(pairwise_overlaps(boxes, others), np.array([[0.5, 1 / 7, 1], [0, 0, 0]]), rtol=1e-6)
