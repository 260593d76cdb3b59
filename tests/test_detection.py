from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from visop.detection import Detection, best, checked_detections
from visop.errors import ModelFailed

SIZE = (100, 50)


def checked(**changes: Any) -> Detection:
    given: dict[str, Any] = {"box": (1, 2, 3, 4), "label": "dog", "score": 0.5}
    found = Detection(**given | changes)
    return checked_detections([found], SIZE, ["dog", "cat"])[0]


def test_a_detection_keeps_its_numbers_as_plain_python() -> None:
    box, points = np.array([1, 2, 3, 4], np.float32), np.array([[5, 6]], np.float32)
    found = checked(box=box, score=np.float32(0.5), keypoints=points)
    assert found == Detection((1.0, 2.0, 3.0, 4.0), "dog", 0.5, ((5.0, 6.0),))
    assert {type(each) for each in (*found.box, found.score, *found.keypoints[0])} == {float}


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"box": (1, 2, 3, np.nan)}, "the box of detection 0 has NaN or inf"),
        ({"box": (-1, 2, 3, 4)}, "is not inside its picture of 100 x 50"),
        ({"box": (98, 2, 3, 4)}, "is not inside its picture of 100 x 50"),
        ({"box": (1, 47, 3, 4)}, "is not inside its picture of 100 x 50"),
        ({"box": (1, 2, 0, 4)}, "is empty"),
        ({"box": (5, 2, -3, 4)}, "is empty"),
        ({"box": (1, 2, 3)}, "has 3 numbers, expected 4"),
        ({"box": "abcd"}, "expected 4 numbers"),
        ({"box": None}, "expected 4 numbers"),
        ({"score": np.inf}, "the score of detection 0 has NaN or inf"),
        ({"score": "high"}, "expected 1 numbers"),
        ({"label": "horse"}, "the label 'horse', which is not one of the processor's labels"),
        ({"label": 3}, "the label 3"),
        ({"keypoints": ((1, np.nan),)}, "keypoint 0 of detection 0 has NaN or inf"),
        ({"keypoints": ((1, 2, 3),)}, "has 3 numbers, expected 2"),
    ],
)
def test_a_detection_that_breaks_the_contract_is_named_with_its_value(changes: dict[str, Any], detail: str) -> None:
    with pytest.raises(ModelFailed) as caught:
        checked(**changes)
    assert detail in caught.value.detail


def test_of_a_long_label_the_beginning_is_told() -> None:
    with pytest.raises(ModelFailed) as caught:
        checked(label="y" * 100_000)
    assert len(caught.value.detail) < 300


@pytest.mark.parametrize("found", [None, 3, [(1, 2, 3, 4)]], ids=["None", "a number", "tuples"])
def test_what_is_no_list_of_detections_is_an_error(found: Any) -> None:
    with pytest.raises(ModelFailed) as caught:
        checked_detections(found, SIZE, [])
    assert "expected" in caught.value.detail


def test_a_box_that_stands_out_by_the_rounding_of_float32_is_clipped() -> None:
    assert checked(box=(-0.004, 10, 100.006, 40.003)).box == pytest.approx((0, 10, 100, 40))
    x, y, w, h = checked(box=(99.5, 49.5, 0.505, 0.505)).box
    assert (x + w, y + h) == (100, 50)


def test_without_labels_any_label_may_be_given() -> None:
    assert checked_detections([Detection((0, 0, 1, 1), "anything")], SIZE, [])[0].label == "anything"


def test_the_best_come_first_and_equal_ones_stay_in_order() -> None:
    found = [Detection((0, 0, 1, 1), label, score) for label, score in [("a", 0.1), ("b", 0.9), ("c", 0.9), ("d", 1)]]
    assert [each.label for each in best(found, 3)] == ["d", "b", "c"]
