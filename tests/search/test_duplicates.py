import numpy as np
import pytest

from opkit.encode.vector_file import Origin
from opkit.search.duplicates import find_duplicates
from opkit.search.index_types import IndexType
from opkit.search.schema import Picture, Row


def picture(number, names=1, width=10):
    return Picture(f"{number:064x}", tuple(f"/{number}/{name}.png" for name in range(names)), width, 10, 100, 1, 1)


def at(degrees):
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


@pytest.fixture(params=["L2", "IP", "COSINE"])
def make(store, request):
    """A collection of pictures on a circle."""

    def made(*rows):
        collection = store.create("circle", 1, Origin("toy", "toy", 2, request.param), IndexType("FLAT"))
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


def test_a_group_larger_than_what_is_asked_for_at_once_is_whole(make):
    collection = make(*(Row(picture(number), at(0)) for number in range(60)), Row(picture(999), at(90)))
    (group,) = find_duplicates(collection, 0.999)
    assert numbers(group) == list(range(60))


def test_groups_are_those_of_brute_force(make):
    rng = np.random.default_rng(0)
    vectors = [at(angle) for angle in rng.uniform(0, 360, 120)]
    threshold = float(np.cos(np.radians(1)))
    groups = find_duplicates(make(*(Row(picture(n), vector) for n, vector in enumerate(vectors))), threshold)
    linked = np.array(vectors) @ np.array(vectors).T >= threshold
    reached = np.linalg.matrix_power(linked.astype(float), 64) > 0
    expected = {tuple(np.flatnonzero(row).tolist()) for row in reached if row.sum() > 1}
    assert {tuple(numbers(group)) for group in groups} == expected
