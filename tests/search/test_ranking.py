from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from visop.contract import OperatorInfo
from visop.detection import Detection, Part
from visop.errors import UsageError
from visop.search.ranking import View, check_mode, ranked
from visop.search.schema import Hit, Picture, Row


def unit(*numbers):
    vector = np.array(numbers, np.float32)
    return vector / np.linalg.norm(vector)


def row(name, whole, *parts):
    picture = Picture(name, (f"/{name}.png",), 100, 100, 1, 1, 1)
    detections = [Detection((10.0 * number, 0.0, 10.0, 10.0), "window") for number in range(len(parts))]
    return Row(picture, whole, tuple(map(Part, detections, parts)))


ROWS = [
    row("whole", unit(4, 3), unit(0, 1), unit(0, 1)),
    row("part", unit(0, 1), unit(1, 0), unit(0, 1)),
    row("other", unit(-1, 1), unit(0, 1), unit(1, 1)),
]


@dataclass
class Pictures:
    """The parts of a collection that are used here, over rows in memory."""

    operator: OperatorInfo = field(default_factory=lambda: OperatorInfo("toy", "toy-1", 2, "L2"))

    def search(self, vectors, k, expression=""):
        return [sorted((self._hit(vector, each) for each in ROWS), key=lambda hit: hit.score)[:k] for vector in vectors]

    def rows(self, ids):
        return [each for each in ROWS if each.picture.id in ids]

    def _hit(self, vector, each):
        vectors = [each.vector, *(part.vector for part in each.parts)]
        scores = [float(((vector - one) ** 2).sum()) for one in vectors]
        best = int(np.argmin(scores))
        return Hit(each.picture, scores[best], best, each.parts[best - 1].detection if best else None)


def found(views, mode="best", k=3, threshold=0.9):
    collection: Any = Pictures()
    return ranked(collection, views, k, "", mode, threshold)


def test_the_nearest_part_of_a_picture_counts_and_is_told():
    first, second, third = found([View(unit(1, 0))])
    assert [first.picture.id, second.picture.id, third.picture.id] == ["part", "whole", "other"]
    assert (first.number, first.part.box, first.view) == (1, (0.0, 0.0, 10.0, 10.0), None)
    assert (second.number, second.part) == (0, None)
    assert [match.is_copy for match in (first, second, third)] == [True, False, False]


def test_the_view_that_is_nearest_counts_and_is_told():
    views = [View(unit(-1, -1)), View(unit(1, 0), (1.0, 2.0, 3.0, 4.0))]
    matches = found(views)
    assert [match.picture.id for match in matches] == ["part", "whole", "other"]
    assert [match.view for match in matches] == [(1.0, 2.0, 3.0, 4.0)] * 3
    assert matches[0].cosine == pytest.approx(1)


def test_first_is_the_whole_picture_alone_and_a_copy_of_a_part_stays_one():
    first, second, _ = found([View(unit(1, 0)), View(unit(0, 1), (0.0, 0.0, 1.0, 1.0))], "first")
    assert (first.picture.id, first.number, first.view) == ("whole", 0, None)
    assert first.cosine == pytest.approx(0.8)
    assert first.score == pytest.approx(np.sqrt(2 - 2 * 0.8))
    assert (second.picture.id, second.is_copy) == ("part", True)


def test_mean_is_that_of_all_pairs():
    matches = found([View(unit(1, 0)), View(unit(0, 1), (0.0, 0.0, 1.0, 1.0))], "mean")
    whole = next(match for match in matches if match.picture.id == "whole")
    assert whole.cosine == pytest.approx((0.8 + 0 + 0 + 0.6 + 1 + 1) / 6)
    assert [match.cosine for match in matches] == sorted((match.cosine for match in matches), reverse=True)


def test_no_more_pictures_are_found_than_are_asked_for():
    assert len(found([View(unit(1, 0)), View(unit(0, 1))], k=2)) == 2


def test_a_mode_that_there_is_not_is_named():
    with pytest.raises(UsageError, match="mode worst: must be one of best, mean, first"):
        check_mode("worst")
