"""Milvus's language of filters, as conditions of SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from visop.search.attributes import AttributeType
from visop.search.embedded.database import Database, make_database
from visop.search.embedded.filters import condition_of
from visop.search.embedded.rows import fields_of, page_of, write
from visop.search.errors import WrongFilter
from visop.search.schema import Picture, Row

LETTERS = 'aB"'
DECLARED = {"sold": AttributeType.BOOLEAN, "Sold": AttributeType.NUMBER}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """Ten pictures: 0 to 9 pixels wide, and with one name more than that, which are ``/0/a%_.png`` and so on."""
    import numpy as np

    path: Path = tmp_path_factory.mktemp("filters") / "c.sqlite"
    make_database(path, "{}", DECLARED)
    names = [tuple(f"/{number}/{LETTERS[name % 3]}%_.png" for name in range(number + 1)) for number in range(10)]
    rows = [
        Row(
            Picture(f"{number:064x}", names[number], number, 2**40, 7, -3, 5, {"sold": True} if number == 3 else {}),
            np.ones(2, np.float32),
        )
        for number in range(10)
    ]
    with closing(Database(path, "c")) as database, database.writing() as connection:
        write(connection, rows, DECLARED)
        yield connection


def found(connection: sqlite3.Connection, expression: str) -> set[int]:
    condition = condition_of(expression, fields_of(DECLARED))
    return {number - 1 for number in page_of(connection, "", 100, condition)}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("", set(range(10))),
        ("  ", set(range(10))),
        ("width == 3", {3}),
        ("width != 3 and not (width > 1)", {0, 1}),
        ("width>=8||width<1", {0, 8, 9}),
        ("!(width < 9) && true", {9}),
        ("2 < width <= 4", {3, 4}),
        ("width in [1, 2, -7, 2.0]", {1, 2}),
        ("width not in [1,2,3,4,5,6,7,8]", {0, 9}),
        ("width in []", set()),
        ("width * 2 + 1 == 7", {3}),
        ("width ** 2 == 16", {4}),
        ("2 * -width == -6", {3}),
        ("width > -9223372036854775808 and width < 9223372036854775807", set(range(10))),
        ("width in [-9223372036854775808, 4]", {4}),
        ("- 9223372036854775808 < -width < -8", {9}),
        ("width % 4 == 1", {1, 5, 9}),
        ("width / 2 == 2", {4, 5}),
        ("width - 1 - 1 == 0", {2}),
        ("1 / width == 1", {1}),
        ("height == 1099511627776 and modified < 0", set(range(10))),
        ("width == 1e0", {1}),
        (f'id == "{4:064x}"', {4}),
        (f"id in ['{4:064x}', 'x']", {4}),
        ('array_contains(names, "/2/a%_.png")', {2}),
        ('ARRAY_CONTAINS_ANY(names, ["/2/a%_.png", "/3/a%_.png"])', {2, 3}),
        ('array_contains_all(names, ["/5/a%_.png", "/5/B%_.png"])', {5}),
        ("array_length(names) > 9", {9}),
        (r'names[0] like "/4/%"', {4}),
        (r'names[1] like "/4/b%"', set()),
        (r'names[1] like "%\\%\\_.png" and width < 3', {1, 2}),
        ('names[2] like "%\\"%" and width == 6', {6}),
        ("names[77] is null and names[0] is not null and width == 1", {1}),
        ("sold", {3}),
        ("sold == true", {3}),
        ("Sold > 1", set()),
        ("not sold", set()),
        ("part == 0 and label == '' and score == 0", set(range(10))),
        (" or ".join(f"width == {number}" for number in range(0, 3000, 2)), {0, 2, 4, 6, 8}),
    ],
    ids=lambda each: str(each)[:40],
)
def test_a_filter_finds_what_it_says(connection: sqlite3.Connection, expression: str, expected: set[int]) -> None:
    assert found(connection, expression) == expected


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("width >", "it ends too early"),
        ("width", "expects a condition, and not a number"),
        ("width = 3", "at character 7: '=', which is nothing it knows; whether two are equal is asked by =="),
        ("width > 3 and colour == 3", "at character 15: there is no field colour"),
        ("colour == 3", "at character 1: there is no field colour; there are: id, names, width"),
        ("vector == 3", "there is no field vector"),
        ('width == "3"', "at character 7: cannot compare a number with a text"),
        ("id > 3", "cannot compare a text with a number"),
        ('names == "a"', "cannot compare a list with a text"),
        ("width in ['a']", "cannot look for 'a' among values of a number"),
        ("width like 'a'", "expects a text, and not a number"),
        ("id like 3", "expects a text in place of '3'"),
        ("width == 3 width", "'width' is not expected there"),
        ("id == 'a", "a text that does not end"),
        ("width == 9223372036854775808", "at character 10: a number is too large: at most 9223372036854775807"),
        ("width == -9223372036854775809", "a number is too large: at most 9223372036854775807"),
        ("width in [-9223372036854775809]", "a number is too small: at least -9223372036854775808"),
        ("width == " + "9" * 5000, "a number is too large: at most 9223372036854775807"),
        ("width in [" + "9" * 5000 + "]", "a number is too large: at most 9223372036854775807"),
        ("width == 1 and id == 'a name of a file: \udcff'", "at character 41: '\\udcff', which is no character"),
        ("1; DROP TABLE pictures", "';', which is nothing it knows"),
        ("id == '' OR 1=1 --", "'=', which is nothing it knows"),
        ("now() > 3", "is no list; names is one"),
        ("width[0] == 3", "width is no list"),
        ("(" * 200 + "width == 1" + ")" * 200, "it is nested too deeply, or too long"),
        ("not " * 200 + "sold", "it is nested too deeply, or too long"),
    ],
    ids=lambda each: str(each)[:30],
)
def test_what_is_no_filter_says_why(connection: sqlite3.Connection, expression: str, why: str) -> None:
    with pytest.raises(WrongFilter) as caught:
        found(connection, expression)
    assert why in str(caught.value)
