import numpy as np
import pytest

from visop.search.match import Match, Matches, match_of
from visop.search.schema import Hit, Picture

PICTURE = Picture("0" * 64, ("/a",), 1, 1, 1, 1, 1)


def test_the_distance_of_milvus_is_squared_and_ours_is_not():
    a, b = np.array([0.6, 0.8]), np.array([1.0, 0.0])
    match = match_of(Hit(PICTURE, float(((a - b) ** 2).sum())), "L2", None)
    assert match.score == pytest.approx(np.linalg.norm(a - b))
    assert match.cosine == pytest.approx(a @ b)


@pytest.mark.parametrize("metric", ["IP", "COSINE"])
def test_other_metrics_are_the_cosine(metric):
    match = match_of(Hit(PICTURE, 0.7), metric, None)
    assert (match.score, match.cosine) == (0.7, 0.7)


def test_rounding_leaves_the_range_of_a_cosine_alone():
    assert match_of(Hit(PICTURE, -1e-7), "L2", None).score == 0
    assert match_of(Hit(PICTURE, 1.0000001), "IP", None).cosine == 1


@pytest.mark.parametrize(("threshold", "verdict"), [(None, None), (0.7, True), (0.71, False)])
def test_a_copy_reaches_the_threshold(threshold, verdict):
    assert match_of(Hit(PICTURE, 0.7), "IP", threshold).is_copy is verdict


def test_verdicts_are_taken_back_where_there_is_nothing_to_compare():
    other = Picture("1" * 64, ("/b",), 1, 1, 1, 1, 1)
    matches = Matches([Match(PICTURE, 0, 1, True), Match(other, 0, 1, True)], marked=0.5)
    judged = matches.without_verdicts({other.id})
    assert [(each.is_copy, each.nearly_empty) for each in judged] == [(True, False), (None, True)]
    matches.marked = 0.009
    assert [(each.is_copy, each.nearly_empty) for each in matches.without_verdicts(set())] == [(None, True)] * 2
    assert judged.marked == 0.5
