"""Several vectors for each picture, in whatever keeps an index: written, found and deleted with their picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from visop.contract import OperatorInfo, Vector
from visop.detection import Detection, Part
from visop.search.attributes import AttributeType
from visop.search.errors import WrongFilter
from visop.search.schema import Picture, Row
from visop.search.store import Collection, Store

DIMENSION = 16
OPERATOR = OperatorInfo("toy", "f", DIMENSION, "IP", parts="regions:10+whole")


def vectors(count: int, seed: int) -> list[Vector]:
    made = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return list(made / np.linalg.norm(made, axis=1, keepdims=True))


def row_of(number: int, parts: int, seed: int = 0) -> Row:
    """A picture whose parts are a little like one another, as those of one picture are."""
    whole, *others = vectors(1 + parts, seed * 1000 + number)
    picture = Picture(f"{number:064x}", (f"/{number}.png",), 100 + number, 50, 9, 3, 4, {"price": number})
    found = [Detection((each, 0.1, 10.0, 20.0), "cat" if each % 2 else "dog", each / 10) for each in range(parts)]
    made = [np.asarray(whole / 2 + each, np.float32) for each in others]
    return Row(picture, whole, tuple(Part(*each) for each in zip(found, made, strict=True)))


def same(one: Row, other: Row) -> bool:
    """Whether two rows are equal, with vectors to six digits."""
    ours, theirs = ([row.vector, *(part.vector for part in row.parts)] for row in (one, other))
    facts = [(row.picture, [part.detection for part in row.parts]) for row in (one, other)]
    return facts[0] == facts[1] and np.allclose(ours, theirs, atol=1e-6)  # type: ignore[arg-type]


@pytest.fixture
def collection(store: Store) -> Collection:
    made = store.create("test", 1, OPERATOR, attributes={"price": AttributeType.NUMBER})
    store.point("test", 1)
    return made


def test_pictures_keep_their_parts_and_are_counted_once(collection: Collection, store: Store) -> None:
    rows = [row_of(number, parts=number % 4) for number in range(12)]
    collection.upsert(rows)
    there = store.find("test")
    assert there.operator == OPERATOR
    assert (there.count(), there.vectors()) == (12, 12 + sum(len(row.parts) for row in rows))
    assert there.known([row.picture.id for row in rows]) == {row.picture.id: row.picture for row in rows}
    assert [picture for page in there.pictures(5) for picture in page] == [row.picture for row in rows]
    for found in ([row for page in there.all_rows() for row in page], there.rows([row.picture.id for row in rows])):
        ordered = sorted(found, key=lambda row: row.picture.id)
        assert len(ordered) == 12
        assert all(map(same, ordered, rows))
    assert all(not row.parts for page in there.all_rows(with_parts=False) for row in page)


def test_a_picture_that_is_written_again_or_deleted_leaves_no_part_behind(collection: Collection) -> None:
    collection.upsert([row_of(1, parts=5), row_of(2, parts=2)])
    collection.upsert([again := row_of(1, parts=2, seed=7)])
    assert collection.vectors() == 3 + 3
    (row,) = collection.rows([again.picture.id])
    assert same(row, again)
    collection.delete([again.picture.id, f"{9:064x}"])
    assert (collection.count(), collection.vectors()) == (1, 3)
    (hits,) = collection.search([again.parts[0].vector], 5)  # type: ignore[list-item]
    assert [hit.picture.id for hit in hits] == [row_of(2, 0).picture.id]
    collection.delete([row_of(2, 0).picture.id])
    assert (collection.count(), collection.vectors()) == (0, 0)


def nearest(rows: list[Row], query: Vector) -> list[tuple[str, int]]:
    """Every picture with the number of its nearest part, the nearest first."""
    best = []
    for row in rows:
        scores = [float(query @ each) for each in (row.vector, *(part.vector for part in row.parts))]  # type: ignore[operator]
        best.append((max(scores), row.picture.id, int(np.argmax(scores))))
    return [(id_, number) for _, id_, number in sorted(best, reverse=True)]


@pytest.mark.parametrize("k", [1, 7, 40])
def test_a_search_finds_each_picture_once_by_its_nearest_part(collection: Collection, k: int) -> None:
    rows = [row_of(number, parts=25 if number < 5 else 2) for number in range(40)]
    collection.upsert(rows)
    queries = [rows[0].vector, *vectors(2, seed=5)]
    for query, hits in zip(queries, collection.search(queries, k), strict=True):
        assert [(hit.picture.id, hit.number) for hit in hits] == nearest(rows, query)[:k]
        for hit in hits:
            row = rows[int(hit.picture.id, 16)]
            assert hit.picture == row.picture
            assert hit.part == (row.parts[hit.number - 1].detection if hit.number else None)


def test_a_picture_with_very_many_parts_hides_no_other(collection: Collection) -> None:
    crowd = row_of(0, parts=300)
    near = replace(crowd, parts=tuple(replace(part, vector=crowd.vector) for part in crowd.parts))
    collection.upsert([near, *(row_of(number, parts=1) for number in range(1, 6))])
    (hits,) = collection.search([crowd.vector], 6)
    assert len({hit.picture.id for hit in hits}) == 6


def test_filters_are_over_parts_and_what_is_known_of_their_picture(collection: Collection) -> None:
    collection.upsert([row_of(number, parts=3) for number in range(6)])

    def found(expression: str) -> set[int]:
        (hits,) = collection.search(vectors(1, seed=3), 10, expression)
        ids = {hit.picture.id for hit in hits}
        assert ids == {picture.id for page in collection.pictures(2, expression) for picture in page}
        return {int(id_, 16) for id_ in ids}

    assert found('label == "cat" and price < 2') == {0, 1}
    assert found("width >= 104 and score > 0.15") == {4, 5}
    assert found("score >= 0.2 and part == 3 and price == 2") == {2}
    assert found('label == "fish"') == set()
    assert found('array_contains(names, "/3.png")') == {3}
    with pytest.raises(WrongFilter):
        found("label ==")
