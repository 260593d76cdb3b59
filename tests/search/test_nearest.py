import numpy as np

from visop.search.nearest import join_nearest


def at(*degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def thresholds(vectors, degrees):
    return np.full(len(vectors), np.cos(np.radians(degrees)), np.float32)


def test_a_vector_joins_the_group_that_it_is_nearest_to():
    vectors = at(0, 1, 10, 60)
    assert join_nearest(vectors, [[0, 1]], thresholds(vectors, 15)) == [[0, 1, 2]]


def test_two_that_are_nearest_to_each_other_become_a_group():
    vectors = at(0, 10, 60)
    assert join_nearest(vectors, [], thresholds(vectors, 15)) == [[1, 0]]


def test_what_is_too_far_away_joins_nothing():
    vectors = at(0, 1, 20, 90, 110)
    assert join_nearest(vectors, [[0, 1]], thresholds(vectors, 15)) == [[0, 1]]


def test_one_whose_nearest_has_a_nearer_one_outside_waits_for_it():
    vectors = at(0, 1, 9, 14)
    grown = join_nearest(vectors, [[0, 1]], thresholds(vectors, 15))
    assert [sorted(group) for group in grown] == [[0, 1], [2, 3]]


def test_nothing_is_no_group():
    assert join_nearest(np.empty((0, 2), np.float32), [], np.empty(0, np.float32)) == []
