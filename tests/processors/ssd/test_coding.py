from __future__ import annotations

import math

import numpy as np
import pytest

from visop.processors.boxes import Floats
from visop.processors.ssd.coding import decode, encode
from visop.processors.ssd.layout import SSD300_MAPS
from visop.processors.ssd.priors import prior_boxes


def floats(*rows: list[float]) -> Floats:
    return np.array(rows, np.float32)


PRIORS = prior_boxes(SSD300_MAPS)[::97]


def test_offsets_of_boxes_give_the_boxes_again() -> None:
    corners = np.sort(np.random.default_rng(0).random((len(PRIORS), 2, 2)), axis=1).reshape(-1, 4)
    boxes = (corners + np.array([0, 0, 0.01, 0.01])).astype(np.float32)
    np.testing.assert_allclose(decode(encode(boxes, PRIORS), PRIORS), boxes, atol=1e-5)
    np.testing.assert_allclose(decode(encode(boxes, PRIORS, (0.3, 0.5)), PRIORS, (0.3, 0.5)), boxes, atol=1e-5)


def test_no_offset_is_the_prior_itself() -> None:
    [box] = decode(np.zeros((1, 4), np.float32), floats([0.5, 0.4, 0.2, 0.6]))
    assert box.tolist() == pytest.approx([0.4, 0.1, 0.6, 0.7], abs=1e-6)


def test_offsets_are_those_of_the_equation() -> None:
    [offsets] = encode(floats([0.2, 0.1, 0.6, 0.9]), floats([0.5, 0.4, 0.2, 0.4]))
    expected = [(0.4 - 0.5) / 0.2 / 0.1, (0.5 - 0.4) / 0.4 / 0.1, math.log(2) / 0.2, math.log(2) / 0.2]
    assert offsets.tolist() == pytest.approx(expected, abs=1e-5)


def test_any_finite_offsets_give_finite_boxes() -> None:
    offsets = floats([1e6] * 4, [-1e6] * 4)
    assert np.isfinite(decode(offsets, PRIORS[:2])).all()
    limited = decode(offsets[:1], PRIORS[:1], largest_log=math.log(1000 / 16))
    assert limited[0, 2] - limited[0, 0] == pytest.approx(PRIORS[0, 2] * 1000 / 16, rel=1e-3)
