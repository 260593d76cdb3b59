"""Mean average precision, by hand and against the implementation of COCO's authors."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from visop.annotations.truth import Truth
from visop.detection import Detection
from visop.evaluation.average_precision import WorkingPoint, best_working_point, errors_in, mean_precision

_CAT, _FAR = (10.0, 10.0, 20.0, 20.0), (60.0, 60.0, 10.0, 10.0)


def _voc(found: list[Detection], truths: list[Truth]) -> float:
    return mean_precision([found], [truths], ["cat"]).voc


def test_the_very_boxes_are_worth_1_and_nothing_is_worth_0() -> None:
    truths = [Truth(_CAT, "cat"), Truth(_FAR, "dog")]
    found = [Detection(truth.box, truth.label, 0.9) for truth in truths]
    result = mean_precision([found], [truths], ["cat", "dog"])
    assert (result.voc, result.coco, result.coco_50) == (1, 1, 1)
    assert mean_precision([[]], [truths], ["cat", "dog"]).voc == 0


def test_eleven_recalls_count_as_everingham_et_al_define_it() -> None:
    # Right, wrong, right, of two objects: precision 1 up to recall 0.5, then 2 / 3.
    truths = [Truth(_CAT, "cat"), Truth(_FAR, "cat")]
    found = [Detection(_CAT, "cat", 0.9), Detection((0, 70, 5, 5), "cat", 0.8), Detection(_FAR, "cat", 0.7)]
    assert _voc(found, truths) == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)


def test_a_second_box_on_an_object_is_wrong() -> None:
    found = [Detection(_CAT, "cat", 0.9), Detection(_CAT, "cat", 0.8), Detection(_FAR, "cat", 0.7)]
    assert _voc(found, [Truth(_CAT, "cat"), Truth(_FAR, "cat")]) == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)


def test_half_an_overlap_is_enough_and_less_is_not() -> None:
    assert _voc([Detection((10, 10, 20, 10), "cat")], [Truth(_CAT, "cat")]) == 1
    assert _voc([Detection((10, 10, 20, 9.9), "cat")], [Truth(_CAT, "cat")]) == 0


def test_difficult_objects_are_not_asked_for_and_not_wrong() -> None:
    truths = [Truth(_CAT, "cat"), Truth(_FAR, "cat", difficult=True)]
    assert _voc([Detection(_FAR, "cat", 0.9), Detection(_CAT, "cat", 0.8)], truths) == 1
    assert _voc([Detection(_CAT, "cat", 0.8)], truths) == 1


def test_the_rules_differ_where_a_box_overlaps_a_taken_object_most() -> None:
    truths = [Truth((0, 0, 20, 20), "cat"), Truth((0, 6, 20, 20), "cat")]
    found = [Detection((0, 0, 20, 20), "cat", 0.9), Detection((0, 2, 20, 20), "cat", 0.8)]
    result = mean_precision([found], [truths], ["cat"])
    assert result.voc == pytest.approx(6 / 11)
    assert result.coco_50 == 1


def test_labels_without_objects_are_left_out_of_the_mean() -> None:
    result = mean_precision([[Detection(_CAT, "cat"), Detection(_CAT, "dog")]], [[Truth(_CAT, "cat")]], ["cat", "dog"])
    assert result.voc == 1
    assert result.objects == {"cat": 1, "dog": 0}
    with pytest.raises(ValueError, match="no objects to find"):
        mean_precision([[]], [[Truth(_CAT, "cat", crowd=True)]], ["cat"])


def _box(rng: np.random.Generator) -> tuple[float, float, float, float]:
    x, y, w, h = (float(each) for each in rng.integers(1, 60, 4))
    return x, y, w, h


def _near(rng: np.random.Generator, truth: Truth) -> Detection:
    box = np.array(truth.box) + rng.normal(0, 3, 4)
    x, y, w, h = (float(each) for each in np.maximum(box, 1))
    label = truth.label if rng.random() < 0.8 else "ab"[rng.integers(2)]
    return Detection((x, y, w, h), label, float(rng.random()))


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_cocos_own(seed: int) -> None:
    pytest.importorskip("pycocotools")
    rng = np.random.default_rng(seed)
    truths = [
        [Truth(_box(rng), "ab"[rng.integers(2)], crowd=bool(rng.random() < 0.2)) for _ in range(rng.integers(0, 9))]
        for _ in range(12)
    ]
    found = [[_near(rng, truth) for truth in some for _ in range(rng.integers(0, 4))] for some in truths]
    found = [[*some, *(Detection(_box(rng), "a", float(rng.random())) for _ in range(5))] for some in found]
    result = mean_precision(found, truths, ["a", "b"])
    coco, coco_50 = _pycocotools(found, truths)
    assert result.coco == pytest.approx(coco, abs=1e-9)
    assert result.coco_50 == pytest.approx(coco_50, abs=1e-9)


def test_no_more_than_a_hundred_boxes_of_a_picture_count_in_the_form_of_coco() -> None:
    wrong = [Detection((80, 80, 5, 5), "cat", 0.5)] * 100
    result = mean_precision([[*wrong, Detection(_CAT, "cat", 0.4)]], [[Truth(_CAT, "cat")]], ["cat"])
    assert result.coco == 0
    assert result.voc == pytest.approx(1 / 101)


def _pycocotools(found: list[list[Detection]], truths: list[list[Truth]]) -> tuple[float, float]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    numbers = {"a": 1, "b": 2}
    annotations: list[dict[str, Any]] = [
        {"image_id": image, "category_id": numbers[each.label], "bbox": list(each.box), "iscrowd": int(each.crowd)}
        for image, some in enumerate(truths, 1)
        for each in some
    ]
    results = [
        {"image_id": image, "category_id": numbers[each.label], "bbox": list(each.box), "score": each.score}
        for image, some in enumerate(found, 1)
        for each in some
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        annotated = COCO()
        annotated.dataset = {
            "images": [{"id": number} for number in range(1, len(truths) + 1)],
            "categories": [{"id": number, "name": name} for name, number in numbers.items()],
            "annotations": [
                {**each, "id": number, "area": each["bbox"][2] * each["bbox"][3]}
                for number, each in enumerate(annotations, 1)
            ],
            "info": {},
        }
        annotated.createIndex()
        evaluation = COCOeval(annotated, annotated.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0]), float(evaluation.stats[1])


def test_the_best_working_point_has_the_highest_f1_over_all_labels() -> None:
    truths = [[Truth((0, 0, 10, 10), "a")], [Truth((0, 0, 10, 10), "b")], [Truth((0, 0, 9, 9), "b")]]
    found = [
        [Detection((0, 0, 10, 10), "a", 0.9), Detection((50, 50, 5, 5), "a", 0.3)],
        [Detection((0, 0, 10, 10), "b", 0.6), Detection((50, 50, 5, 5), "b", 0.7)],
        [],
    ]
    point = best_working_point(found, truths, ["a", "b"])
    np.testing.assert_allclose((point.score, point.precision, point.recall), (0.6, 2 / 3, 2 / 3))
    assert best_working_point([[]], [truths[0]], ["a"]) == WorkingPoint(1.0, 0.0, 0.0)


def test_errors_are_what_is_missed_and_what_is_wrong() -> None:
    truths = [Truth((0, 0, 10, 10), "a"), Truth((20, 20, 5, 5), "a"), Truth((0, 0, 10, 10), "b", difficult=True)]
    found = [Detection((0, 0, 10, 9), "a"), Detection((0, 0, 10, 10), "a", 0.5), Detection((0, 0, 10, 10), "b")]
    assert errors_in(found, truths) == (1, 1)
