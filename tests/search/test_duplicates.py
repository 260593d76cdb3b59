from itertools import permutations

import numpy as np
import pytest

from visop.contract import OperatorInfo
from visop.errors import UsageError
from visop.search.background import tail_through
from visop.search.duplicates import FewFalsePairs, find_duplicates
from visop.search.schema import Picture, Row


def picture(number, names=1, width=10):
    return Picture(f"{number:064x}", tuple(f"/{number}/{name}.png" for name in range(names)), width, 10, 100, 1, 1)


def at(degrees):
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


@pytest.fixture(params=["L2", "IP", "COSINE"])
def make(store, request):
    """A collection of pictures on a circle."""

    def made(*rows):
        collection = store.create("circle", 1, OperatorInfo("toy", "toy", 2, request.param))
        collection.upsert(rows)
        return collection

    return made


def numbers(group):
    return sorted(int(each.id, 16) for each in group.pictures)


def test_copies_of_copies_are_one_group_and_the_rest_is_none(make):
    collection = make(*(Row(picture(number), at(angle)) for number, angle in enumerate((0, 5, 10, 90, 94, 180))))
    groups = find_duplicates(collection, float(np.cos(np.radians(6))))
    assert [numbers(group) for group in groups] == [[3, 4], [0, 1, 2]]  # the most certain first
    assert groups[0].closest == pytest.approx(np.cos(np.radians(4)), abs=1e-5)


def test_one_content_under_two_names_is_a_group(make):
    (group,) = find_duplicates(make(Row(picture(1, names=2), at(0)), Row(picture(2), at(90))), 0.99)
    assert (numbers(group), group.closest, group.loosest) == ([1], 1.0, 1.0)


def test_the_picture_with_most_pixels_comes_first(make):
    (group,) = find_duplicates(make(Row(picture(1), at(0)), Row(picture(2, width=99), at(0))), 0.99)
    assert group.pictures[0].width == 99


def test_hundreds_of_copies_are_one_group(store):
    collection = store.create("circle", 1, OperatorInfo("toy", "toy", 2, "L2"))
    collection.upsert([*(Row(picture(number), at(0)) for number in range(1500)), Row(picture(9999), at(90))])
    (group,) = find_duplicates(collection, 0.999)
    assert numbers(group) == list(range(1500))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_how_loose_a_group_is_does_not_depend_on_the_order_of_its_pictures(store, order):
    collection = store.create("circle", 1, OperatorInfo("toy", "toy", 2, "L2"))
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


def test_one_picture_between_two_groups_does_not_join_them(make):
    angles = [0, 1, 2, 7, 12, 13, 14]  # 7 is like 2 and like 12
    collection = make(*(Row(picture(number), at(angle)) for number, angle in enumerate(angles)))
    groups = find_duplicates(collection, float(np.cos(np.radians(5.5))))
    assert sorted(len(group.pictures) for group in groups) == [3, 4]


def test_each_group_has_a_picture_that_is_like_all_others(make):
    rng = np.random.default_rng(0)
    vectors = np.array([at(angle) for angle in rng.uniform(0, 360, 120)])
    threshold = float(np.cos(np.radians(1)))
    groups = find_duplicates(make(*(Row(picture(n), vector) for n, vector in enumerate(vectors))), threshold)
    assert groups
    for group in groups:
        own = vectors[numbers(group)]
        assert ((own @ own.T >= threshold - 1e-6).all(axis=1)).any()


def spread(count, dimension, seed=0):
    """Unit vectors in all directions."""
    vectors = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def with_copies(vectors, angle, every=5):
    """Each fifth vector once more, turned by an angle in degrees, behind the others."""
    noise = spread(len(vectors[::every]), vectors.shape[1], seed=1)
    sideways = noise - (noise * vectors[::every]).sum(axis=1, keepdims=True) * vectors[::every]
    sideways /= np.linalg.norm(sideways, axis=1, keepdims=True)
    return np.concatenate(
        [vectors, np.cos(np.radians(angle)) * vectors[::every] + np.sin(np.radians(angle)) * sideways]
    )


def test_the_threshold_is_chosen_for_the_number_of_pairs(store):
    """500,000 pairs, of which 200 are copies; at one false pair in a thousand there would be 500 false ones."""
    vectors = with_copies(spread(1000, 16), 12)
    collection = store.create("many", 1, OperatorInfo("toy", "toy", 16, "IP"))
    collection.upsert([Row(picture(number), vector) for number, vector in enumerate(vectors.astype(np.float32))])
    groups = find_duplicates(collection, FewFalsePairs())
    assert [sorted(numbers(group)) for group in groups if not_a_copy(group)] == []
    assert len(groups) >= 198


def not_a_copy(group):
    original, *copies = numbers(group)
    return copies != [1000 + original // 5] or original % 5


def test_a_small_index_takes_the_calibration_or_says_that_there_is_none(make):
    collection = make(Row(picture(1), at(0)), Row(picture(2), at(1)), Row(picture(3), at(90)))
    with pytest.raises(UsageError, match="3 pictures are too few to learn one from"):
        find_duplicates(collection, FewFalsePairs())
    (group,) = find_duplicates(collection, FewFalsePairs(tail=tail_through((1e-2, 0.3), (1e-3, 0.4))))
    assert numbers(group) == [1, 2]
