"""A table of attributes: which picture has which, and of what type each is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Self

from visop.errors import UsageError
from visop.search.attributes import Attribute, AttributeType, Declared, check_attributes, check_declared
from visop.sources import Record, read_records

# A table may have times as people write them.
_NO_TIME = "must be a time in ISO 8601, such as 2024-05-01 or 2024-05-01T10:00:00+02:00, or whole seconds since 1970"

# No leading zeros: article and postal codes stay text.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_BOOLEANS = {"true": True, "false": False}
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*")


@dataclass(frozen=True)
class WrongCell:
    """What of a table cannot be kept.

    Attributes:
        picture: the path or URL of its row.
        why: with the line and the column.
    """

    picture: str
    why: str


class AttributeTable:
    """What each picture has.

    Args:
        records: a row for each picture.
        given: the types that are said; those of other columns are found by what is in them.
        source: what messages call the table.
        is_text: whether all cells are texts, so that what is a number has to be found out.
    """

    def __init__(self, records: Sequence[Record], given: Declared, source: str, *, is_text: bool) -> None:
        self._records, self._given, self._source, self._is_text = records, given, source, is_text

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a CSV, TSV or JSON Lines file with a header, which may say types: ``price:number``.

        Raises:
            UsageError: it cannot be read, has no header, or a header is no name of an attribute.
        """
        headers, records = read_records(path)
        if not records:
            raise UsageError("attributes", path, "has no rows: below a header it has one for each picture")
        said = {header: _split(header) for header in headers}
        given = {name: AttributeType(type_) for name, type_ in said.values() if type_}
        check_declared({name: given.get(name, AttributeType.STRING) for name, _ in said.values()})
        named = [
            replace(each, cells={said[header][0]: cell for header, cell in each.cells.items()}) for each in records
        ]
        return cls(named, given, path.name, is_text=path.suffix.lower() in (".csv", ".tsv"))

    @classmethod
    def of(cls, attributes: Mapping[str, Mapping[str, object]]) -> Self:
        """Make one of what a program has: the path or URL of each picture -> its attributes."""
        records = [Record(0, picture, cells) for picture, cells in attributes.items()]
        return cls(records, {}, "", is_text=False)

    def types(self, there: Declared) -> dict[str, AttributeType]:
        """The types of all attributes that occur.

        Args:
            there: of the index, which decide where a header does not say.
        """
        cells: dict[str, list[object]] = {}
        for record in self._records:
            for name, cell in record.cells.items():
                cells.setdefault(name, []).append(cell)
        empty = {name: AttributeType.STRING for name in self._given if name not in cells}
        found = {name: there.get(name) or _type_of(values, is_text=self._is_text) for name, values in cells.items()}
        return empty | found | dict(self._given)

    def values(self, types: Declared) -> tuple[dict[str, dict[str, Attribute]], list[WrongCell]]:
        """The attributes by the path or URL of each picture, and what could not be read; a later row counts."""
        found: dict[str, dict[str, Attribute]] = {}
        wrong = []
        for record in self._records:
            if record.why_not:
                wrong.append(WrongCell(record.picture, f"{self._place(record)}{record.why_not}"))
                continue
            of_picture = found.setdefault(record.picture, {})
            for name, cell in record.cells.items():
                try:
                    of_picture[name] = _checked(name, _value(cell, types[name]), types)
                except UsageError as error:
                    why = _NO_TIME if types[name] is AttributeType.TIME else error.why
                    wrong.append(WrongCell(record.picture, f"{self._place(record)}{error.value}: {why}"))
        return found, wrong

    def missing(self, pictures: Iterable[str]) -> list[WrongCell]:
        """The rows of these pictures, which the index does not have."""
        places = {record.picture: self._place(record) for record in reversed(self._records)}
        return [WrongCell(each, f"{places[each]}the index does not have this picture") for each in pictures]

    def _place(self, record: Record) -> str:
        return f"{self._source}, line {record.line}: " if record.line else ""


def _split(header: str) -> tuple[str, str]:
    """``price:number`` -> ``price``, ``number``. Raises UsageError for a type that there is not."""
    name, _, type_ = header.partition(":")
    if type_.strip() and type_.strip() not in list(AttributeType):
        there = ", ".join(AttributeType)
        raise UsageError("attributes", header, f"there is no type {type_.strip()!r}; there are {there}")
    return name.strip(), type_.strip()


def _type_of(cells: Sequence[object], *, is_text: bool) -> AttributeType:
    """The type that all cells of a column have; text if there is none."""
    if not is_text and any(isinstance(cell, str) for cell in cells):
        return AttributeType.STRING
    for type_, is_one in _LOOKS.items():
        if all(map(is_one, cells)):
            return type_
    return AttributeType.STRING


def _looks_boolean(cell: object) -> bool:
    return isinstance(cell, bool) or (isinstance(cell, str) and cell.lower() in _BOOLEANS)


def _looks_number(cell: object) -> bool:
    if isinstance(cell, str):
        return bool(_NUMBER.fullmatch(cell))
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _looks_time(cell: object) -> bool:
    return isinstance(cell, date) or (isinstance(cell, str) and bool(_DAY.fullmatch(cell)) and _time(cell) is not None)


_LOOKS = {
    AttributeType.BOOLEAN: _looks_boolean,
    AttributeType.NUMBER: _looks_number,
    AttributeType.TIME: _looks_time,
}


def _value(cell: object, type_: AttributeType) -> object:
    """A cell as a value of this type; as it is, if it is none."""
    if isinstance(cell, date):
        return _seconds(cell)
    if not isinstance(cell, str):
        return str(cell) if type_ is AttributeType.STRING and _looks_number(cell) else cell
    match type_:
        case AttributeType.BOOLEAN:
            return _BOOLEANS.get(cell.lower(), cell)
        case AttributeType.NUMBER:
            return _number(cell)
        case AttributeType.TIME:
            time = _time(cell)
            return cell if time is None else time
        case AttributeType.STRING:
            return cell


def _number(text: str) -> object:
    try:
        return int(text) if re.fullmatch(r"-?[0-9]{1,19}", text) else float(text)
    except ValueError:
        return text


def _time(text: str) -> int | None:
    """Seconds since 1970 of a time in ISO 8601, or of such a number; without a zone it is in UTC."""
    if re.fullmatch(r"-?[0-9]{1,19}", text):
        return int(text)
    try:
        return _seconds(datetime.fromisoformat(text))
    except ValueError:
        return None


def _seconds(time: date) -> int:
    if not isinstance(time, datetime):
        time = datetime(time.year, time.month, time.day, tzinfo=UTC)
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())


def _checked(name: str, value: object, types: Declared) -> Attribute:
    check_attributes({name: value}, types)  # type: ignore[dict-item]  # that is what is checked
    return value  # type: ignore[return-value]
