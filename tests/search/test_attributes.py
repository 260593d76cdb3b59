"""Facts of the user's own: declared with a type when an index is made, kept with a picture, used in filters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from visop.contract import OperatorInfo
from visop.errors import UsageError
from visop.search.attributes import MAX_TEXT_BYTES, AttributeType, check_attributes, check_declared
from visop.search.errors import WrongFilter
from visop.search.schema import Picture, Row, joined
from visop.search.store import Collection, Store

DECLARED = {
    "colour": AttributeType.STRING,
    "price": AttributeType.NUMBER,
    "sold": AttributeType.BOOLEAN,
    "taken": AttributeType.TIME,
}
GIVEN = {"colour": 'rëd "1" \\', "price": 2.5, "sold": False, "taken": 1_700_000_000}

QUERY = np.full(4, 0.5, np.float32)
CONDITIONS = {
    "price > 2.7": {2},
    "price > 2": {1, 2},
    "sold == false": {1},
    "taken > 5": {1},
}


def row_of(number: int, **attributes: object) -> Row:
    picture = Picture(f"{number:064x}", (f"/{number}.png",), 5, 5, 9, 3, 4, attributes)  # type: ignore[arg-type]
    return Row(picture, np.eye(4, dtype=np.float32)[number % 4])


TOY = OperatorInfo("toy", "f", 4, "L2")
ROWS = [row_of(0), row_of(1, **GIVEN), row_of(2, price=3)]


@pytest.fixture
def collection(store: Store) -> Collection:
    made = store.create("test", 1, TOY, attributes=DECLARED)
    store.point("test", 1)
    made.upsert(ROWS)
    return made


def test_are_kept_and_found_by_a_filter_of_their_names(collection: Collection, store: Store) -> None:
    assert store.find("test").attributes == DECLARED
    one = row_of(1, **GIVEN).picture
    assert collection.known([one.id])[one.id] == one
    assert [row.picture.attributes for row in collection.rows([row_of(0).picture.id])] == [{}]
    for condition, found in CONDITIONS.items():
        (hits,) = collection.search([QUERY], 3, condition)
        assert {int(hit.picture.id, 16) for hit in hits} == found, condition
        assert {int(each.id, 16) for page in collection.pictures(expression=condition) for each in page} == found
    ((hit,),) = collection.search([QUERY], 3, 'colour like "r%" and width == 5')
    assert hit.picture == one


def test_a_filter_over_no_attribute_finds_nothing_or_is_refused(collection: Collection) -> None:
    with pytest.raises(WrongFilter):
        collection.search([QUERY], 3, "price >")
    try:  # Milvus does not know which there are
        assert collection.search([QUERY], 3, "nothing == 1") == [[]]
    except WrongFilter as error:
        assert "there is no field nothing; there are: id, names, " in str(error)  # noqa: PT017


def test_what_is_wrong_is_refused_before_anything_is_written(collection: Collection) -> None:
    with pytest.raises(UsageError, match=r"attributes size: the index has no such attribute; it has: colour, price"):
        collection.upsert([row_of(7), row_of(8, size=1)])
    assert collection.count() == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("colour", 1),
        ("colour", "\udcff"),
        ("colour", "x" * (MAX_TEXT_BYTES + 1)),
        ("price", "2"),
        ("price", True),
        ("price", float("nan")),
        ("price", 2**63),
        ("sold", 0),
        ("taken", 1.5),
        ("taken", True),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"^attributes {name}="):
        check_attributes({name: value}, DECLARED)  # type: ignore[dict-item]


@pytest.mark.parametrize("name", ["1st", "a b", "a-b", "é", "x" * 65, "width", "Label", "vector", "AND", "json_x"])
def test_a_name_that_no_filter_could_use_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"^attributes {name}"):
        check_declared({name: AttributeType.STRING})


def test_an_index_without_attributes_stays_one_that_older_versions_read(store: Store) -> None:
    from visop.search.schema import about, read_about

    operator = OperatorInfo("toy", "f", 4, "L2")
    assert '"format": 1' in about(operator)
    assert read_about(about(operator), "c") == (operator, {})
    with pytest.raises(UsageError, match="has format 3, this visop reads 2: update visop"):
        read_about('{"format": 3}', "c")


def test_two_records_of_one_content_have_the_attributes_of_both() -> None:
    one, other = row_of(1, price=1).picture, row_of(1, price=2, sold=True).picture
    assert joined(one, other).attributes == {"price": 1, "sold": True}
    assert hash(one) == hash(replace(one))


def test_one_that_is_taken_away_is_gone(collection: Collection) -> None:
    collection.upsert([row_of(1)])
    id_ = row_of(1).picture.id
    assert collection.known([id_])[id_].attributes == {}
    assert [each.id for each in next(collection.pictures(10, "price > 0"), [])] == [row_of(2).picture.id]
