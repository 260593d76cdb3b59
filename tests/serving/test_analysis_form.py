from __future__ import annotations

from visop.detection import Detection, Unplaced
from visop.serving.analysis_form import analysis_result


def test_labels_of_one_box_are_one_entry_by_falling_score() -> None:
    box, other = (0.0, 0.0, 64.0, 48.0), (1.0, 2.0, 3.0, 4.0)
    result = analysis_result([Detection(box, "b", 0.2), Detection(other, "c", 0.5), Detection(box, "a", 0.7)])
    assert result == [
        {
            "position": {"x": 0.0, "y": 0.0, "w": 64.0, "h": 48.0},
            "label": [{"description": "a", "score": 0.7}, {"description": "b", "score": 0.2}],
        },
        {"position": {"x": 1.0, "y": 2.0, "w": 3.0, "h": 4.0}, "label": [{"description": "c", "score": 0.5}]},
    ]


def test_what_has_no_name_has_no_label() -> None:
    [entry] = analysis_result([Detection((1.0, 2.0, 3.0, 4.0))])
    assert entry["label"] == []


def test_what_has_no_place_is_nowhere() -> None:
    [entry] = analysis_result([Unplaced((0.0, 0.0, 64.0, 48.0), "a", 0.5)])
    assert entry["position"] == {"x": 0.0, "y": 0.0, "w": 0.0, "h": 0.0}
