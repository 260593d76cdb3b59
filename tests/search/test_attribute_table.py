from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.search.conftest import write_pictures
from visop.errors import UsageError
from visop.search.attribute_table import AttributeTable, WrongCell
from visop.search.index import Index


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., AttributeTable]:
    def write(text: str, name: str = "table.csv") -> AttributeTable:
        (tmp_path / name).write_text(text)
        return AttributeTable.read(tmp_path / name)

    return write


def test_types_are_found_by_what_is_in_the_columns(table: Callable[..., AttributeTable]) -> None:
    found = table(
        "path,title,price,sold,made,code,mixed\n"
        "a.jpg,Cat,1.5,true,2024-01-02,007,1\n"
        "b.jpg,,2,FALSE,2024-01-02T03:04:05+01:00,12,x\n"
    )
    types = found.types({})
    assert types == {
        "title": "string",
        "price": "number",
        "sold": "boolean",
        "made": "time",
        "code": "string",
        "mixed": "string",
    }
    values, wrong = found.values(types)
    assert wrong == []
    first = {"title": "Cat", "price": 1.5, "sold": True, "made": 1704153600, "code": "007", "mixed": "1"}
    assert values["a.jpg"] == first
    assert (values["b.jpg"]["made"], "title" in values["b.jpg"]) == (1704161045, False)


def test_types_of_the_header_and_of_the_index_count(table: Callable[..., AttributeTable]) -> None:
    found = table("path\tyear:string\tprice\na.jpg\t1999\t3\n", "table.tsv")
    assert found.types({"price": "string"}) == {"year": "string", "price": "string"}  # type: ignore[dict-item]


def test_wrong_cells_are_named_with_their_lines_and_the_others_are_kept(table: Callable[..., AttributeTable]) -> None:
    text = 'path,price:number,note\na.jpg,dear,"two\nlines"\n,3,x\nb.jpg,4,y,z\nc.jpg,5,\n'
    found = table(text)
    values, wrong = found.values(found.types({}))
    assert values == {"a.jpg": {"note": "two\nlines"}, "c.jpg": {"price": 5}}
    assert [each.why for each in wrong] == [
        "table.csv, line 3: price='dear': must be a finite number, a whole one of at most 64 bits",
        "table.csv, line 4: names no picture",
        "table.csv, line 5: has 4 cells, and the header has 3",
    ]


def test_of_a_time_that_is_none_it_is_said_how_times_are_written(table: Callable[..., AttributeTable]) -> None:
    found = table("path,made:time\na.jpg,2024-13-01\n")
    (wrong,) = found.values(found.types({}))[1]
    assert "ISO 8601" in wrong.why


def test_rows_of_pictures_that_are_not_there_are_told_with_their_lines(table: Callable[..., AttributeTable]) -> None:
    (wrong,) = table("path,size\na.jpg,1\n\nb.jpg,2\n").missing(["b.jpg"])
    assert wrong == WrongCell("b.jpg", "table.csv, line 4: the index does not have this picture")


def test_empty_lines_do_not_count(table: Callable[..., AttributeTable]) -> None:
    found = table("path,size\n\na.jpg,1\n\n")
    assert found.values(found.types({})) == ({"a.jpg": {"size": 1}}, [])


def test_json_lines_keep_their_types(table: Callable[..., AttributeTable]) -> None:
    lines = '{"path": "a.jpg", "n": 1, "s": "1", "b": false}\n{"path": "b.jpg", "later": [1]}\n'
    found = table(lines, "table.jsonl")
    values, wrong = found.values(found.types({}))
    assert values["a.jpg"] == {"n": 1, "s": "1", "b": False}
    assert [each.why for each in wrong] == ["table.jsonl, line 2: later=[1]: must be a string"]


def test_a_broken_line_is_told_and_the_others_count(table: Callable[..., AttributeTable]) -> None:
    found = table('{"path": "a.jpg", "n": 1}\n{"path": "b.jp\n{"path": "c.jpg", "n": 3}\n', "table.jsonl")
    values, (wrong,) = found.values(found.types({}))
    assert values == {"a.jpg": {"n": 1}, "c.jpg": {"n": 3}}
    assert wrong.why.startswith("table.jsonl, line 2: is not JSON: ")


def test_a_table_without_a_line_that_can_be_read_is_refused(table: Callable[..., AttributeTable]) -> None:
    with pytest.raises(UsageError, match="line 1 is not JSON"):
        table("path=a.jpg\n", "table.jsonl")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("path,width\na.jpg,1\n", "is a field that every index has"),
        ("path,a b\na.jpg,1\n", "the name of an attribute is letters"),
        ("path,x:text\na.jpg,1\n", "there is no type 'text'"),
        ("path,x,x\na.jpg,1,2\n", "two columns"),
        ("a.jpg,1\nb.jpg,2\n", "has no header"),
        ("", "has no rows"),
        ("path,x\n", "has no rows"),
        ('path,x\na.jpg,1\nb.jpg,"2\nc.jpg,3\n', "in the row of line 3 a text in quotation marks does not end"),
    ],
    ids=["field", "name", "type", "twice", "header", "empty", "header-alone", "open-quotation"],
)
def test_what_is_no_table_of_attributes_is_refused(table: Callable[..., AttributeTable], text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        table(text)


def test_pictures_get_attributes_whether_they_are_new_or_known(index: Index, tmp_path: Path) -> None:
    one, two = write_pictures(tmp_path / "pictures", 2)
    given: dict[str, dict[str, object]] = {
        str(one): {"price": 3, "made": datetime(2024, 1, 2, tzinfo=UTC)},
        str(tmp_path / "none.png"): {"price": 1},
    }
    added = index.add([one], attributes=given)
    assert (added.new, added.attributed, added.wrong_attributes) == (1, 1, 1)
    assert index.collection.attributes == {"price": "number", "made": "time"}
    again = index.add([one, two], attributes={str(two): {"price": 7.5}, str(one): {"price": 3}})
    assert (again.new, again.attributed) == (1, 1)
    found = {match.picture.names[0]: match.picture.attributes for match in index.search(one, 5, "price > 0")}
    assert found == {str(one): {"price": 3, "made": 1704153600}, str(two): {"price": 7.5}}


def test_an_index_gets_no_attributes_after_it_was_made(index: Index, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", 1)
    index.add(pictures)
    with pytest.raises(UsageError, match="gets none after it was made"):
        index.add(pictures, attributes={str(pictures[0]): {"price": 1}})
