"""An index in Milvus that has several vectors for each picture: one row per vector.

The row of the whole picture, part 0, has the picture's id as its key, its names, and the number of its parts. Those of
the parts have keys made of the id and their number, and repeat the facts that filters may ask for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from visop.contract import Vector
from visop.detection import Detection, Part
from visop.search.attributes import check_attributes
from visop.search.milvus.collection import (
    FIELD,
    VECTOR_PAGE,
    MilvusCollection,
    collection_schema,
    fields_of,
)
from visop.search.milvus.grouping import MOST_HITS, first_limit, grouped, larger_limit
from visop.search.milvus.library import DataType
from visop.search.schema import ID_CHARS, Hit, Picture, Row

#: Of a label in UTF-8; what is longer is cut.
MAX_LABEL_BYTES = 1024

# Of a key: the id, a colon, and the number of a part.
_KEY_CHARS = ID_CHARS + 8

_PLACE = ("x", "y", "w", "h")
_OF_PART = ["picture", "part", *_PLACE, "label", "score"]

# Keys that are asked for at once.
_KEYS = 1000

# Of one call; a message has 64 MB at most.
_CALL_BYTES = 16 << 20

_WHOLE = "part == 0"


class CollectionInParts(MilvusCollection):
    """The pictures of one index, of which each has several vectors. See ``visop.search.store.Collection``."""

    def upsert(self, rows: Sequence[Row]) -> None:
        """Write pictures, each whole or not at all, in the place of those of the same id with all their parts.

        Raises:
            UsageError: as of ``MilvusCollection.upsert``.
        """
        for row in rows:
            check_attributes(row.picture.attributes, self.attributes)
        before = self._parts_of([row.picture.id for row in rows])
        now = {row.picture.id: len(row.parts) for row in rows}
        self._delete_keys([key for id_, count in before.items() for key in _keys(id_, count, after=now[id_])])
        for some in self._calls(rows):
            self._write([fields for row in some for fields in _fields(row)])

    def delete(self, ids: Sequence[str]) -> None:
        """Delete pictures with all their parts; ids that are not there are ignored."""
        there = self._parts_of(ids)
        self._delete_keys([key for id_, count in there.items() for key in (id_, *_keys(id_, count))])

    def rows(self, ids: Sequence[str]) -> list[Row]:
        """Return those of these pictures that are there, with their vectors and those of their parts."""
        wholes = self._get(ids, [*self._facts, FIELD, "parts"])
        keys = [key for fields in wholes for key in _keys(fields["id"], int(fields["parts"]))]
        found: dict[str, list[Mapping[str, Any]]] = {}
        for fields in self._get_keys(keys, [*_OF_PART, FIELD]):
            found.setdefault(fields["picture"], []).append(fields)
        return [self._whole_row(fields, found.get(fields["id"], [])) for fields in wholes]

    def pictures(self, page: int = VECTOR_PAGE, expression: str = "") -> Iterator[list[Picture]]:
        """Return all pictures, or those of which a part matches a filter, in the order of their ids.

        Raises:
            WrongFilter: the expression is none.
        """
        if not expression.strip():
            return super().pictures(page, _WHOLE)
        return self._matching(page, expression)

    def all_rows(self, *, with_parts: bool = True) -> Iterator[list[Row]]:
        """Return all pictures with their vectors, page by page."""
        if not with_parts:
            pages = self._pages([*self._facts, FIELD], VECTOR_PAGE, _WHOLE)
            return ([self._whole_row(fields, []) for fields in page] for page in pages)
        return self._rows_of(self._pages([*self._facts, *_OF_PART, FIELD], VECTOR_PAGE))

    def search(self, vectors: Sequence[Vector], k: int, expression: str = "") -> list[list[Hit]]:
        """Return the nearest pictures of each vector, each once, by its nearest part. As ``MilvusCollection.search``.

        More vectors than pictures are asked for, and again more as long as too few pictures are among them.
        """
        found = self._nearest(vectors, k, expression)
        ids = list({each["picture"] for hits in found for each in hits})
        pictures: dict[str, Picture] = {}
        for start in range(0, len(ids), _KEYS):
            pictures |= self.known(ids[start : start + _KEYS])
        return [
            [_hit(each, pictures[each["picture"]]) for each in hits if each["picture"] in pictures] for hits in found
        ]

    def count(self) -> int:
        """Return the exact number of pictures."""
        return self._counted(_WHOLE)

    def vectors(self) -> int:
        """Return the number of vectors, of pictures and parts."""
        return self._counted("")

    def _nearest(self, vectors: Sequence[Vector], k: int, expression: str) -> list[list[dict[str, Any]]]:
        """The nearest part of each of the k nearest pictures, for each vector."""
        found: list[list[dict[str, Any]]] = [[] for _ in vectors]
        left, limit = list(range(len(vectors))), first_limit(k)
        while left:
            hits = self._search([vectors[number] for number in left], limit, _OF_PART, expression)
            for number, each in zip(left, hits, strict=True):
                found[number] = grouped(each, k)
            full = [number for number, each in zip(left, hits, strict=True) if len(each) >= limit]
            left = [number for number in full if len(found[number]) < k]
            if left and limit == MOST_HITS:
                self._complete(found, [vectors[number] for number in left], left, k, expression)
                break
            limit = larger_limit(limit)
        return found

    def _complete(
        self,
        found: list[list[dict[str, Any]]],
        vectors: Sequence[Vector],
        numbers: Sequence[int],
        k: int,
        expression: str,
    ) -> None:
        """Search on without the pictures that are found, where so many hits as Milvus gives are of too few pictures."""
        for number, vector in zip(numbers, vectors, strict=True):
            while len(found[number]) < k:
                others = ", ".join(f'"{each["picture"]}"' for each in found[number])
                wanted = f"({expression}) and " if expression.strip() else ""
                (hits,) = self._search([vector], MOST_HITS, _OF_PART, f"{wanted}picture not in [{others}]")
                if not hits:
                    break
                found[number] += grouped(hits, k - len(found[number]))

    def _matching(self, page: int, expression: str) -> Iterator[list[Picture]]:
        last = ""  # of the page before, whose parts may go on
        for rows in self._pages(["picture"], page, expression):
            ids = list(dict.fromkeys(fields["picture"] for fields in rows if fields["picture"] != last))
            last = rows[-1]["picture"]
            there = self.known(ids)
            if some := [there[id_] for id_ in ids if id_ in there]:
                yield some

    def _rows_of(self, pages: Iterator[list[Mapping[str, Any]]]) -> Iterator[list[Row]]:
        """Put the rows of each picture together, which follow each other, also from page to page."""
        begun: list[Mapping[str, Any]] = []
        for page in pages:
            groups = [list(group) for _, group in groupby([*begun, *page], key=lambda fields: fields["picture"])]
            begun = groups.pop()
            if rows := [row for group in groups for row in self._put_together(group)]:
                yield rows
        if rows := list(self._put_together(begun)):
            yield rows

    def _put_together(self, group: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
        whole = next((fields for fields in group if fields["part"] == 0), None)
        if whole is not None:
            yield self._whole_row(whole, [fields for fields in group if fields["part"] != 0])

    def _whole_row(self, whole: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> Row:
        ordered = sorted(parts, key=lambda fields: int(fields["part"]))
        made = tuple(Part(_detection(fields), np.asarray(fields[FIELD], np.float32)) for fields in ordered)
        return Row(self._picture(whole), np.asarray(whole[FIELD], np.float32), made)

    def _parts_of(self, ids: Sequence[str]) -> dict[str, int]:
        """How many parts each of these pictures has that are there."""
        return {fields["id"]: int(fields["parts"]) for fields in self._get(ids, ["id", "parts"])}

    def _get_keys(self, keys: Sequence[str], fields: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        for start in range(0, len(keys), _KEYS):
            yield from self._get_checked(keys[start : start + _KEYS], fields)

    def _delete_keys(self, keys: Sequence[str]) -> None:
        if keys:
            self._delete_checked(keys)

    def _calls(self, rows: Sequence[Row]) -> Iterator[list[Row]]:
        """Divide what is written into calls, and never a picture."""
        some: list[Row] = []
        size = 0
        for row in rows:
            some.append(row)
            size += (1 + len(row.parts)) * 4 * self.operator.dimension
            if size > _CALL_BYTES:
                yield some
                some, size = [], 0
        if some:
            yield some


def schema_in_parts(dimension: int, description: str, *, has_attributes: bool) -> Any:
    """Return the schema of a collection with several vectors for each picture."""
    schema = collection_schema(dimension, description, has_attributes=has_attributes, key_chars=_KEY_CHARS)
    schema.add_field("picture", DataType.VARCHAR, max_length=ID_CHARS)
    schema.add_field("part", DataType.INT32)
    schema.add_field("parts", DataType.INT32)
    for name in (*_PLACE, "score"):  # in 32 bits, a score of 0.9 would be less than 0.9
        schema.add_field(name, DataType.DOUBLE)
    schema.add_field("label", DataType.VARCHAR, max_length=MAX_LABEL_BYTES)
    return schema


def _keys(id_: str, count: int, *, after: int = 0) -> list[str]:
    """Of the parts of a picture, from the one after this number on."""
    return [f"{id_}:{number}" for number in range(after + 1, count + 1)]


def _fields(row: Row) -> Iterator[dict[str, Any]]:
    """Return the rows of a picture as Milvus takes them, the whole picture first."""
    facts, id_ = fields_of(row), row.picture.id
    box = (0.0, 0.0, float(row.picture.width), float(row.picture.height))
    yield {**facts, "picture": id_, "parts": len(row.parts), "part": 0, **_placed(box), "label": "", "score": 0.0}
    facts |= {"names": [], "picture": id_, "parts": 0}
    for number, (key, part) in enumerate(zip(_keys(id_, len(row.parts)), row.parts, strict=True), 1):
        found = part.detection
        label = found.label.encode()[:MAX_LABEL_BYTES].decode(errors="ignore")
        of_part = {"id": key, "part": number, "label": label, "score": float(found.score), FIELD: part.vector}
        yield {**facts, **of_part, **_placed(found.box)}


def _placed(box: tuple[float, ...]) -> dict[str, float]:
    return dict(zip(_PLACE, map(float, box), strict=True))


def _detection(fields: Mapping[str, Any]) -> Detection:
    x, y, w, h = (float(fields[name]) for name in _PLACE)
    return Detection((x, y, w, h), str(fields["label"]), float(fields["score"]))


def _hit(found: Mapping[str, Any], picture: Picture) -> Hit:
    number = int(found["part"])
    return Hit(picture, float(found["distance"]), number, _detection(found) if number else None)
