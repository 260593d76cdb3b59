"""What every store promises of parts and attributes, over a Milvus: the same tests, with the store of this folder."""

from __future__ import annotations

import pytest

from tests.search import test_attributes, test_parts_in_store
from tests.search.test_attributes import (
    test_are_kept_and_found_by_a_filter_of_their_names,
    test_what_is_wrong_is_refused_before_anything_is_written,
)
from tests.search.test_parts_in_store import (
    test_a_picture_that_is_written_again_or_deleted_leaves_no_part_behind,
    test_a_picture_with_very_many_parts_hides_no_other,
    test_a_search_finds_each_picture_once_by_its_nearest_part,
    test_filters_are_over_parts_and_what_is_known_of_their_picture,
    test_pictures_keep_their_parts_and_are_counted_once,
)
from visop.search.attributes import AttributeType
from visop.search.store import Collection, Store

__all__ = [
    "test_a_picture_that_is_written_again_or_deleted_leaves_no_part_behind",
    "test_a_picture_with_very_many_parts_hides_no_other",
    "test_a_search_finds_each_picture_once_by_its_nearest_part",
    "test_are_kept_and_found_by_a_filter_of_their_names",
    "test_filters_are_over_parts_and_what_is_known_of_their_picture",
    "test_pictures_keep_their_parts_and_are_counted_once",
    "test_what_is_wrong_is_refused_before_anything_is_written",
]


@pytest.fixture
def collection(store: Store, request: pytest.FixtureRequest) -> Collection:
    """Empty, for pictures in parts, or filled, with attributes: as the module of the test has it."""
    if request.function.__module__ == test_attributes.__name__:
        made = store.create("test", 1, test_attributes.TOY, attributes=test_attributes.DECLARED)
        store.point("test", 1)
        made.upsert(test_attributes.ROWS)
        return made
    declared = {"price": AttributeType.NUMBER}
    made = store.create("test", 1, test_parts_in_store.OPERATOR, attributes=declared)
    store.point("test", 1)
    return made
