"""Write pictures with their vectors into the tables of a collection, and read them from there."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from visop.contract import Vector
from visop.detection import Detection, Part
from visop.search.attributes import Attribute, AttributeType, Declared
from visop.search.embedded.allowed_rows import note_rewritten
from visop.search.embedded.database import NUMBERS, columns_of
from visop.search.embedded.filters import Condition, Field, Kind
from visop.search.schema import Picture, Row, read_names

_FIELDS = {
    "id": Field("text", "pictures.id"),
    "names": Field("names", "pictures.number"),
    **{name: Field("number", f"pictures.{name}") for name in NUMBERS},
    "part": Field("number", "parts.number", is_of_part=True),
    "label": Field("text", "parts.label", is_of_part=True),
    "score": Field("number", "parts.score", is_of_part=True),
}

_KINDS: dict[AttributeType, Kind] = {
    AttributeType.STRING: "text",
    AttributeType.NUMBER: "number",
    AttributeType.BOOLEAN: "truth",
    AttributeType.TIME: "number",
}

# The highest number of a part.
_LAST = 2**31

_FACTS = ("number", "id", *NUMBERS)


def fields_of(declared: Declared) -> dict[str, Field]:
    """Return what filters can ask for."""
    columns = columns_of(declared)
    attributes = {name: Field(_KINDS[type_], f"pictures.{columns[name]}") for name, type_ in declared.items()}
    return {**_FIELDS, **attributes}


def write(connection: sqlite3.Connection, rows: Sequence[Row], declared: Declared) -> None:
    """Write pictures; what is there of them is replaced, but for vectors that are the same."""
    given = {row.picture.id: row for row in rows}
    before = dict(_numbers(connection, list(given)))
    if before:
        note_rewritten(connection)
    there = _stored_parts(connection, list(before))
    ids = {id_: number for number, id_ in before.items()}
    for id_, row in given.items():
        number = _write_picture(connection, row.picture, ids.get(id_), declared)
        new = _parts_of(row)
        if there.get(number) != new:
            if number in there:
                _delete_parts(connection, [number])
            _write_parts(connection, number, new)


def delete(connection: sqlite3.Connection, ids: Sequence[str]) -> None:
    """Delete pictures with all that belongs to them."""
    numbers = [number for number, _ in _numbers(connection, ids)]
    _delete_parts(connection, numbers)
    _execute(connection, "DELETE FROM names WHERE picture IN (SELECT value FROM json_each(?))", numbers)
    _execute(connection, "DELETE FROM pictures WHERE number IN (SELECT value FROM json_each(?))", numbers)


def pictures_of(connection: sqlite3.Connection, numbers: Sequence[int], declared: Declared) -> dict[int, Picture]:
    """Return pictures by their numbers, in the order of their ids."""
    wanted = json.dumps(numbers)
    names: defaultdict[int, list[str]] = defaultdict(list)
    sql = "SELECT picture, name FROM names WHERE picture IN (SELECT value FROM json_each(?)) ORDER BY picture, position"
    for number, name in connection.execute(sql, (wanted,)):
        names[number].append(name)
    columns = ", ".join((*_FACTS, *columns_of(declared).values()))
    sql = f"SELECT {columns} FROM pictures WHERE number IN (SELECT value FROM json_each(?)) ORDER BY id"  # noqa: S608
    end = len(_FACTS)
    return {
        number: _picture(facts[: end - 1], names[number], _attributes(facts[end - 1 :], declared))
        for number, *facts in connection.execute(sql, (wanted,))
    }


def pictures_with_ids(connection: sqlite3.Connection, ids: Sequence[str], declared: Declared) -> dict[int, Picture]:
    """Return those of these pictures that are there, by number."""
    return pictures_of(connection, [number for number, _ in _numbers(connection, ids)], declared)


def page_of(connection: sqlite3.Connection, after: str, size: int, condition: Condition) -> list[int]:
    """Return the numbers of the next pictures in the order of their ids that meet a condition."""
    where = condition.sql
    if condition.is_of_part:
        where = f"EXISTS (SELECT 1 FROM parts WHERE parts.picture = pictures.number AND {where})"  # noqa: S608
    sql = f"SELECT number FROM pictures WHERE id > ? AND {where} ORDER BY id LIMIT ?"  # noqa: S608
    return [number for (number,) in connection.execute(sql, (after, *condition.values, size))]


def with_vectors(connection: sqlite3.Connection, pictures: dict[int, Picture], *, with_parts: bool = True) -> list[Row]:
    """Return pictures with their vectors and, if wanted, those of their parts."""
    parts = _stored_parts(connection, list(pictures), last=_LAST if with_parts else 0)
    return [_row(picture, parts.get(number, [])) for number, picture in pictures.items()]


def detection_of(connection: sqlite3.Connection, row: int) -> tuple[int, Detection | None]:
    """Return the number of a part, and what was found there; None of a whole picture."""
    sql = "SELECT number, x, y, w, h, label, score, keypoints FROM parts WHERE row = ?"
    number, x, y, w, h, label, score, keypoints = connection.execute(sql, (row,)).fetchone()
    return number, _StoredPart(number, x, y, w, h, label, score, keypoints, b"").detection


@dataclass(frozen=True)
class _StoredPart:
    """A row of ``parts`` with its vector, as bytes of float32."""

    number: int
    x: float | None
    y: float | None
    w: float | None
    h: float | None
    label: str
    score: float
    keypoints: str
    vector: bytes

    @classmethod
    def of(cls, number: int, found: Detection | None, vector: Vector) -> _StoredPart:
        blob = np.ascontiguousarray(vector, np.float32).tobytes()
        if found is None:
            return cls(number, None, None, None, None, "", 0.0, "[]", blob)
        x, y, w, h = (float(each) for each in found.box)
        return cls(number, x, y, w, h, found.label, float(found.score), json.dumps(found.keypoints), blob)

    @property
    def detection(self) -> Detection | None:
        if self.x is None or self.y is None or self.w is None or self.h is None:
            return None
        points = tuple((float(x), float(y)) for x, y in json.loads(self.keypoints))
        return Detection((self.x, self.y, self.w, self.h), self.label, self.score, points)


def _parts_of(row: Row) -> list[_StoredPart]:
    whole = _StoredPart.of(0, None, row.vector)
    parts = ((number, part.detection, part.vector) for number, part in enumerate(row.parts, 1))
    return [whole, *(_StoredPart.of(number, found, vector) for number, found, vector in parts if vector is not None)]


def _row(picture: Picture, stored: Sequence[_StoredPart]) -> Row:
    vectors = [np.frombuffer(each.vector, np.float32) for each in stored]
    parts = [
        Part(each.detection, vector) for each, vector in zip(stored, vectors, strict=True) if each.detection is not None
    ]
    return Row(picture, vectors[0], tuple(parts))


def _numbers(connection: sqlite3.Connection, ids: Sequence[str]) -> list[tuple[int, str]]:
    sql = "SELECT number, id FROM pictures WHERE id IN (SELECT value FROM json_each(?))"
    return list(connection.execute(sql, (json.dumps(list(ids)),)))


def _stored_parts(
    connection: sqlite3.Connection, numbers: Sequence[int], last: int = _LAST
) -> dict[int, list[_StoredPart]]:
    """The parts of pictures up to one number, by the number of the picture, in order."""
    sql = (
        "SELECT picture, number, x, y, w, h, label, score, keypoints, vector FROM parts JOIN vectors USING (row) "
        "WHERE picture IN (SELECT value FROM json_each(?)) AND number <= ? ORDER BY picture, number"
    )
    found: defaultdict[int, list[_StoredPart]] = defaultdict(list)
    for picture, *rest in connection.execute(sql, (json.dumps(numbers), last)):
        found[picture].append(_StoredPart(*rest))
    return found


def _write_picture(connection: sqlite3.Connection, picture: Picture, number: int | None, declared: Declared) -> int:
    columns = (*_FACTS, *columns_of(declared).values())
    facts = (number, picture.id, *(getattr(picture, name) for name in NUMBERS))
    attributes = tuple(picture.attributes.get(name) for name in declared)
    sql = f"INSERT OR REPLACE INTO pictures ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    place = connection.execute(sql, (*facts, *attributes)).lastrowid
    if place is None:
        raise RuntimeError("SQLite gave no number")
    if number is not None:
        connection.execute("DELETE FROM names WHERE picture = ?", (place,))
    names = [(place, position, name) for position, name in enumerate(picture.stored_names)]
    connection.executemany("INSERT INTO names VALUES (?, ?, ?)", names)
    return place


def _picture(facts: Sequence[Any], names: Sequence[str], attributes: dict[str, Attribute]) -> Picture:
    id_, width, height, size, modified, added = facts
    own_names, kept = read_names(names)
    return Picture(id_, own_names, width, height, size, modified, added, attributes, kept)


def _attributes(values: Sequence[Any], declared: Declared) -> dict[str, Attribute]:
    """The attributes that a picture has, of those that the index declares."""
    return {
        name: bool(value) if type_ is AttributeType.BOOLEAN else value
        for (name, type_), value in zip(declared.items(), values, strict=True)
        if value is not None
    }


def _write_parts(connection: sqlite3.Connection, number: int, parts: Sequence[_StoredPart]) -> None:
    sql = "INSERT INTO parts VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    for part in parts:
        values = (number, part.number, part.x, part.y, part.w, part.h, part.label, part.score, part.keypoints)
        row = connection.execute(sql, values).lastrowid
        connection.execute("INSERT INTO vectors VALUES (?, ?)", (row, part.vector))


def _delete_parts(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    parts = "SELECT row FROM parts WHERE picture IN (SELECT value FROM json_each(?))"
    _execute(connection, f"DELETE FROM vectors WHERE row IN ({parts})", numbers)  # noqa: S608
    _execute(connection, "DELETE FROM parts WHERE picture IN (SELECT value FROM json_each(?))", numbers)


def _execute(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> None:
    if values:
        connection.execute(sql, (json.dumps(values),))
