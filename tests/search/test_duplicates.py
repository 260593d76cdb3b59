import time
from itertools import permutations

import numpy as np
import pytest

from visop.contract import OperatorInfo
from visop.search.duplicates import find_duplicates
from visop.search.milvus.index_types import IndexType
from visop.search.milvus.schema import Picture, Row


def picture(number, names=1, width=10):
    return Picture(f"{number:064x}", tuple(f"/{number}/{name}.png" for name in range(names)), width, 10, 100, 1, 1)


def at(degrees):
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


@pytest.fixture(params=["L2", "IP", "COSINE"])
def make(store, request):
    """A collection of pictures on a circle."""

    def made(*rows):
        collection = store.create("circle", 1, OperatorInfo("toy", "toy", 2, request.param), IndexType("FLAT"))
        collection.upsert(rows)
        return collection

    return made


def numbers(group):
    return sorted(int(each.id, 16) for each in group.pictures)


def test_copies_of_copies_are_one_group_and_the_rest_is_none(make):
    collection = make(*(Row(picture(number), at(angle)) for number, angle in enumerate((0, 5, 10, 90, 94, 180))))
    groups = find_duplicates(collection, float(np.cos(np.radians(6))))
    assert [numbers(group) for group in groups] == [[0, 1, 2], [3, 4]]
    assert groups[1].closest == pytest.approx(np.cos(np.radians(4)), abs=1e-5)


def test_one_content_under_two_names_is_a_group(make):
    (group,) = find_duplicates(make(Row(picture(1, names=2), at(0)), Row(picture(2), at(90))), 0.99)
    assert (numbers(group), group.closest, group.loosest) == ([1], 1.0, 1.0)


def test_the_picture_with_most_pixels_comes_first(make):
    (group,) = find_duplicates(make(Row(picture(1), at(0)), Row(picture(2, width=99), at(0))), 0.99)
    assert group.pictures[0].width == 99


def test_hundreds_of_copies_are_one_group_and_take_no_longer_than_others(make):
    collection = make(*(Row(picture(number), at(0)) for number in range(1500)), Row(picture(9999), at(90)))
    started = time.process_time()
    (group,) = find_duplicates(collection, 0.999)
    assert numbers(group) == list(range(1500))
    assert time.process_time() - started < 10


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_how_loose_a_group_is_does_not_depend_on_the_order_of_its_pictures(store, order):
    collection = store.create("circle", 1, OperatorInfo("toy", "toy", 2, "L2"), IndexType("FLAT"))
    collection.upsert([Row(picture(number), at(angle)) for number, angle in zip(order, (0, 5, 10), strict=True)])
    (group,) = find_duplicates(collection, 0.98)
    assert group.closest == pytest.approx(np.cos(np.radians(5)), abs=1e-6)
    assert group.loosest == pytest.approx(np.cos(np.radians(5)), abs=1e-6)


def test_the_same_vector_is_a_copy_at_any_threshold(make):
    (group,) = find_duplicates(make(Row(picture(1), at(33)), Row(picture(2), at(33)), Row(picture(3), at(34))), 1.0)
    assert numbers(group) == [1, 2]
    assert group.closest == pytest.approx(1.0)


def test_names_of_one_content_are_closest_and_say_nothing_of_how_loose_a_group_is(make):
    (group,) = find_duplicates(make(Row(picture(1, names=2), at(0)), Row(picture(2, names=2), at(5))), 0.99)
    assert group.closest == 1.0
    assert group.loosest == pytest.approx(np.cos(np.radians(5)), abs=1e-6)


def test_an_empty_index_has_no_groups(make):
    collection = make(Row(picture(1), at(0)))
    collection.delete([picture(1).id])
    assert find_duplicates(collection, 0.9) == []


def test_groups_are_those_of_brute_force(make):
    rng = np.random.default_rng(0)
    vectors = [at(angle) for angle in rng.uniform(0, 360, 120)]
    threshold = float(np.cos(np.radians(1)))
    groups = find_duplicates(make(*(Row(picture(n), vector) for n, vector in enumerate(vectors))), threshold)
    linked = np.array(vectors) @ np.array(vectors).T >= threshold
    reached = np.linalg.matrix_power(linked.astype(float), 64) > 0
    expected = {tuple(np.flatnonzero(row).tolist()) for row in reached if row.sum() > 1}
    assert {tuple(numbers(group)) for group in groups} == expected
