"""Write, read and search the pictures of one index in Milvus."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from visop.contract import OperatorInfo, Vector
from visop.errors import UsageError
from visop.search.attributes import Declared, check_attributes
from visop.search.index_types import LITE_TYPES, IndexType, choose_index_type, flat_up_to, parse_index_type
from visop.search.limits import BatchLimits
from visop.search.milvus.errors import translated
from visop.search.milvus.library import DataType, MilvusClient
from visop.search.process_lock import ProcessLock
from visop.search.schema import ID_CHARS, MAX_NAME_BYTES, MAX_NAMES, PICTURE_FIELDS, Hit, Picture, Row

_Answer = TypeVar("_Answer")

#: Of the vectors, and of the index over them.
FIELD = "vector"

CALL_S = 60.0
# Building an index over millions of vectors takes a while, and the call waits for it.
BUILD_S = 3600.0

_ID = re.compile(f"[0-9a-f]{{{ID_CHARS}}}")

# Per answer; a message has 64 MB at most, and a row with a vector of 2048 dimensions about 10 KB.
_PAGE = 8000
VECTOR_PAGE = 2000

# A server (2.3.5) reports when a row was written, so that searches can wait for it, but not when one was deleted. After
# a deletion, searches wait for everything that happened before, for longer than it takes to show.
_DELETION_S = 10.0


@dataclass(frozen=True)
class Connection:
    """A Milvus that answers.

    Attributes:
        client: of pymilvus.
        uri: where it is, without credentials, for messages.
        is_lite: whether it is Milvus Lite, which has a server, too.
        writing: held by whoever writes rows.
        changing: held while something is looked up and then changed accordingly.
        limits: on what is done at once.
    """

    client: MilvusClient
    uri: str
    is_lite: bool
    writing: AbstractContextManager[object]
    changing: ProcessLock
    limits: BatchLimits

    def stamp(self) -> int:
        """Return a number that is another one when what was found of an index may be out of date.

        That is its collection and its index type. Nothing tells of a change, so that the number changes every second.
        """
        return int(time.monotonic())

    def check_index_type(self, index_type: IndexType) -> None:
        """Raise UsageError for an index type that this Milvus is known not to have, before anything is done."""
        if self.is_lite and index_type.kind not in LITE_TYPES:
            there = ", ".join(LITE_TYPES)
            raise UsageError("index_type", index_type, f"Milvus Lite has {there}; a Milvus server has more")

    def choose_index_type(self, text: str, pictures: int, dimension: int) -> IndexType:
        """Do as ``index_types.choose_index_type``, and ``check_index_type``."""
        flat = self.limits.flat
        chosen = choose_index_type(
            text, pictures, flat_up_to(dimension, is_lite=self.is_lite) if flat is None else flat
        )
        self.check_index_type(chosen)
        return chosen

    def build_index(self, collection: str, index_type: IndexType, metric: str) -> None:
        """Build an index over the vectors of a collection that has none.

        Raises:
            UsageError: this Milvus does not have the index type, or not with these parameters.
        """
        self.check_index_type(index_type)
        build: dict[str, Any] = {
            name: int(value) if value.isdecimal() else value for name, value in index_type.params.items()
        }
        if self.is_lite:  # it reads what pymilvus takes apart for a server
            build = {"params": build}
        params = MilvusClient.prepare_index_params()
        params.add_index(FIELD, index_type=index_type.kind, index_name=FIELD, metric_type=metric, params=build)
        with translated(self.uri, collection, index_type=str(index_type)):
            self.client.create_index(collection, params, timeout=BUILD_S)


class MilvusCollection:
    """The pictures of one index. Made by a ``MilvusStore``; see ``visop.search.store.Collection``.

    Attributes:
        name: of the collection in Milvus.
        operator: what made the vectors.
        attributes: that its pictures may have.
        changing: held while rows are looked up and then written accordingly.
        limits: on what is done at once.
    """

    def __init__(self, connection: Connection, name: str, operator: OperatorInfo, attributes: Declared) -> None:
        self._connection, self._client, self.name = connection, connection.client, name
        self.operator, self.attributes = operator, attributes
        self._facts = [*PICTURE_FIELDS, *attributes]
        self.changing = connection.changing
        self.limits = connection.limits
        self._unsettled = 0
        self._has_written = False
        self._deleted_at = -math.inf
        self.refresh()

    def refresh(self) -> None:
        """Find out the index type anew: another process may have built another one."""
        self.index_type = self._describe_index()

    def upsert(self, rows: Sequence[Row]) -> None:
        """Write rows, whole or not at all; rows of the same id are replaced. Safe against kill -9 on return.

        Raises:
            UsageError: a picture has an attribute that the index has not, or of another type; nothing was written.
        """
        for row in rows:
            check_attributes(row.picture.attributes, self.attributes)
        self._write([fields_of(row) for row in rows])

    def _write(self, rows: Sequence[dict[str, Any]]) -> None:
        with self._connection.writing, self._translated():
            # Milvus Lite would keep an attribute that a row does not name.
            none = dict.fromkeys(self.attributes)
            self._client.upsert(self.name, [{**none, **row} for row in rows], timeout=CALL_S)
            self._has_written = True
            self._unsettled += len(rows)
        if self._connection.is_lite and self._unsettled >= self.limits.settle:
            self.settle()

    def delete(self, ids: Sequence[str]) -> None:
        """Delete rows; ids that are not there are ignored."""
        if ids := _only_ids(ids):
            self._delete_checked(ids)

    def _delete_checked(self, keys: Sequence[str]) -> None:
        """Delete rows. Keys are of a known form, for pymilvus puts them into an expression."""
        with self._connection.writing, self._translated():
            self._client.delete(self.name, ids=list(keys), timeout=CALL_S)
        self._has_written, self._deleted_at = True, time.monotonic()

    def known(self, ids: Sequence[str]) -> dict[str, Picture]:
        """Return those of these pictures that are there, by id, as last written."""
        return {fields["id"]: self._picture(fields) for fields in self._get(ids, self._facts)}

    def rows(self, ids: Sequence[str]) -> list[Row]:
        """Return those of these pictures that are there, with their vectors."""
        return [self._row(fields) for fields in self._get(ids, [*self._facts, FIELD])]

    def pictures(self, page: int = _PAGE, expression: str = "") -> Iterator[list[Picture]]:
        """Return all pictures, or those that match a filter, in the order of their ids, so many on a page.

        Raises:
            WrongFilter: the expression is none.
        """
        return ([self._picture(fields) for fields in each] for each in self._pages(self._facts, page, expression))

    def all_rows(self, *, with_parts: bool = True) -> Iterator[list[Row]]:
        """Return all pictures with their vectors, page by page."""
        return ([self._row(fields) for fields in page] for page in self._pages([*self._facts, FIELD], VECTOR_PAGE))

    def search(self, vectors: Sequence[Vector], k: int, expression: str = "") -> list[list[Hit]]:
        """Return the nearest pictures of each vector, the nearest first.

        What this collection wrote is seen; what others wrote, a few seconds later at most.

        Args:
            vectors: (dimension,) float32 each, of unit length.
            k: how many, 1 to 16384.
            expression: a filter over the fields of the schema, in Milvus's language.

        Raises:
            WrongFilter: the expression is none.
        """
        found = self._search(vectors, k, self._facts, expression)
        return [[Hit(self._picture(hit["entity"]), float(hit["distance"])) for hit in hits] for hits in found]

    def count(self) -> int:
        """Return the exact number of pictures."""
        return self._counted("")

    def vectors(self) -> int:
        """Return the number of vectors."""
        return self.count()

    def _counted(self, expression: str) -> int:
        with self._translated():
            answer = self._client.query(self.name, filter=expression, output_fields=["count(*)"], timeout=CALL_S)
        return int(answer[0]["count(*)"])

    def settle(self) -> None:
        """Make Milvus write what is in memory as a segment.

        A server does so by itself, but hours may pass; until then it searches many rows in memory by an index of its
        own, which misses 10 to 20 % of the nearest whatever is asked for. Few rows it compares one by one. Some seconds
        after this, it searches the index that was asked for.
        """
        if self._unsettled and (self._connection.is_lite or self._unsettled >= self.limits.settle):
            self._flush()

    def _flush(self) -> None:
        with self._connection.writing, self._translated():
            self._client.flush(self.name, timeout=BUILD_S)
            self._unsettled = 0

    def tune(self, index_type: str = "auto") -> None:
        """Build the index type that fits the number of pictures, if it has another one.

        Raises:
            UsageError: this Milvus does not have the index type; nothing was changed.
        """
        self.settle()
        with self.changing:
            self.refresh()
            now = self.index_type
            wanted = self._connection.choose_index_type(index_type, self.vectors(), self.operator.dimension)
            if index_type == "auto":
                is_to_build = now.kind == "FLAT" != wanted.kind
            else:
                is_to_build = not now.has(parse_index_type(index_type))
            if is_to_build:
                self.rebuild_index(wanted)

    def rebuild_index(self, index_type: IndexType) -> None:
        """Build another index over the vectors. Until it is done, the collection cannot be searched.

        Raises:
            UsageError: this Milvus does not have it; the index is as it was.
        """
        self._flush()
        with self._translated():
            self._client.release_collection(self.name, timeout=CALL_S)
            self._client.drop_index(self.name, FIELD, timeout=CALL_S)
        try:
            self._connection.build_index(self.name, index_type, self.operator.metric_type)
            self.index_type = index_type
        except UsageError:
            self._connection.build_index(self.name, self.index_type, self.operator.metric_type)
            raise
        finally:
            with self._translated():
                self._client.load_collection(self.name, timeout=BUILD_S)
            self.changing.note_change()

    def _search(self, vectors: Sequence[Vector], k: int, fields: Sequence[str], expression: str) -> Any:
        def ask(params: dict[str, int]) -> Any:
            with self._translated(expression):
                return self._client.search(
                    self.name,
                    data=[np.asarray(vector, np.float32) for vector in vectors],
                    limit=k,
                    filter=expression,
                    output_fields=list(fields),
                    search_params={"params": params},
                    consistency_level=self._consistency(),
                    timeout=CALL_S,
                )

        found = ask(self.index_type.search_params(k))
        # Milvus Lite drops what a filter or a deletion takes out while it walks the graph, and may then find fewer than
        # there are. Those that it found are the nearest all the same.
        if self._connection.is_lite and any(len(hits) < k for hits in found):
            params = self.index_type.exhaustive_params()
            found = ask(params) if params else found
        return found

    def _consistency(self) -> str:
        if time.monotonic() - self._deleted_at < _DELETION_S:
            return "Strong"
        return "Session" if self._has_written else "Bounded"

    def _get(self, ids: Sequence[str], fields: Sequence[str]) -> list[Mapping[str, Any]]:
        ids = _only_ids(ids)
        return self._get_checked(ids, fields) if ids else []

    def _get_checked(self, keys: Sequence[str], fields: Sequence[str]) -> list[Mapping[str, Any]]:
        """Return rows by their keys, which are of a known form, for pymilvus puts them into an expression."""
        with self._translated():
            found: list[Mapping[str, Any]] = self._client.query(
                self.name, ids=list(keys), output_fields=list(fields), timeout=CALL_S
            )
            return found

    def _pages(self, fields: Sequence[str], size: int, expression: str = "") -> Iterator[list[Mapping[str, Any]]]:
        def turn() -> Any:
            with self._translated(expression):
                return pages.next()

        with self._translated(expression):
            pages = self._client.query_iterator(
                self.name, batch_size=size, filter=expression, output_fields=list(fields), timeout=CALL_S
            )
        try:
            while page := turn():
                yield page
        finally:
            pages.close()

    def _describe_index(self) -> IndexType:
        with self._translated():
            facts = self._client.describe_index(self.name, FIELD, timeout=CALL_S)
        told = {**facts, **facts.get("params", {})}  # a server and Milvus Lite
        params = {name: str(told[name]) for name in ("M", "efConstruction", "nlist") if name in told}
        return IndexType(str(facts["index_type"]), params)

    def _picture(self, fields: Mapping[str, Any]) -> Picture:
        return Picture.of(fields, self.attributes)

    def _row(self, fields: Mapping[str, Any]) -> Row:
        return Row(self._picture(fields), np.asarray(fields[FIELD], np.float32))

    def _translated(self, expression: str = "") -> Any:
        return translated(self._connection.uri, self.name, expression)


def collection_schema(dimension: int, description: str, *, has_attributes: bool, key_chars: int = ID_CHARS) -> Any:
    """Return the schema of a collection: what Milvus keeps of each picture.

    Attributes are dynamic fields, since a typed one of Milvus 2.3 cannot be left out.
    """
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=has_attributes, description=description)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=key_chars)
    schema.add_field(FIELD, DataType.FLOAT_VECTOR, dim=dimension)
    schema.add_field(
        "names",
        DataType.ARRAY,
        element_type=DataType.VARCHAR,
        max_capacity=MAX_NAMES,
        max_length=MAX_NAME_BYTES,
    )
    for name in ("width", "height"):
        schema.add_field(name, DataType.INT32)
    for name in ("bytes", "modified", "added"):
        schema.add_field(name, DataType.INT64)
    return schema


def _only_ids(ids: Sequence[str]) -> list[str]:
    """Keep only ids of the right form: pymilvus puts them into an expression unquoted."""
    return [each for each in ids if _ID.fullmatch(each)]


def fields_of(row: Row) -> dict[str, Any]:
    """Return a row as Milvus takes it."""
    facts = {name: getattr(row.picture, name) for name in PICTURE_FIELDS if name != "names"}
    return {**facts, **row.picture.attributes, "names": row.picture.stored_names, FIELD: row.vector}
