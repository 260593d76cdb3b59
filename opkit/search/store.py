"""Milvus behind one small interface: a file (Milvus Lite), a server or a cluster, told apart by the URI alone.

An index NAME is an alias of a collection ``NAME__1``, so that a reindex can fill ``NAME__2`` beside it and switch.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from opkit.contract import Vector
from opkit.encode.vector_file import Origin
from opkit.errors import SettingsError
from opkit.search.errors import NoSuchIndex
from opkit.search.index_types import LITE_TYPES, IndexType
from opkit.search.lite import serve_lite
from opkit.search.milvus import DataType, MilvusClient
from opkit.search.milvus_errors import be_quiet, damaged, translated
from opkit.search.schema import (
    ID_CHARS,
    MAX_NAME_BYTES,
    MAX_NAMES,
    PICTURE_FIELDS,
    Picture,
    Row,
    about,
    origin_of_text,
)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,199}")

_FIELD = "vector"
_PROPERTY = "opkit"

_CONNECT_S = 10.0
_CALL_S = 60.0
# Building an index over millions of vectors takes a while, and the call waits for it.
_BUILD_S = 3600.0

# What is read is all that was written before, by anybody: an upsert that did not see a name would lose it. A server
# waits 0.2 s for its next time tick to be sure of that, which is too long for a search: see ``_search``. Set for the
# collection and not for each query, because pymilvus's query iterator heeds no other.
_CONSISTENCY = "Strong"

# Per answer; a message has 64 MB at most, and a row with a vector of 2048 dimensions about 10 KB.
_PAGE = 8000
_VECTOR_PAGE = 2000

# Milvus Lite searches rows that are not in a segment yet row by row in Python: write segments early.
_LITE_SETTLE_ROWS = 2000


@dataclass(frozen=True)
class Hit:
    """A picture that a search found.

    Attributes:
        picture: what it is.
        score: as Milvus says it in the metric of the index; for L2, the square of the distance.
    """

    picture: Picture
    score: float


class Store:
    """A connection. A context manager; may be used from several threads, with one that writes.

    Args:
        uri: ``NAME.db``, a path for Milvus Lite, or the ``http(s)://`` address of a Milvus.
        token: of the server, if it asks for one: ``user:password``, or an API key.

    Raises:
        SettingsError: neither a path nor an address.
        StoreError: it cannot be opened; see ``opkit.search.errors``.
    """

    def __init__(self, uri: str, token: str = "") -> None:
        be_quiet()
        self.uri = _shown(uri)
        self._stack = ExitStack()
        # For a notebook that never closes what it opens: Milvus Lite would keep the interpreter from ending.
        self._close = weakref.finalize(self, self._stack.close)
        self._loss: list[str] = []
        try:
            self._client = self._connect(uri, token)
            with translated(self.uri):
                version = self._client.get_server_version(timeout=_CONNECT_S)
            # It may also be a server: `milvus-lite server`.
            self.is_lite = version.startswith("milvus_lite")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is in memory, and let go of the file. Idempotent."""
        self._close()

    def find(self, index: str) -> Collection:
        """The collection that an index is served from.

        Raises:
            NoSuchIndex: there is none of this name; says which there are.
            SettingsError: it was not made by opkit.
        """
        check_name(index)
        name = self.target_of(index)
        if name is None:
            there = ", ".join(self.indexes()) or "none"
            raise NoSuchIndex(f"{self.uri} has no index {index!r}; there are: {there}. `opkit index` makes one")
        return self.open(name)

    def open(self, collection: str) -> Collection:
        """A collection by its own name. Raises as ``find``."""
        with translated(self.uri, collection):
            facts = self._client.describe_collection(collection, timeout=_CALL_S)
            # Milvus Lite keeps properties and no description; of a server, only a description takes any text.
            text = facts["properties"].get(_PROPERTY) or facts["description"]
            origin = origin_of_text(text, collection)
            if self._loss:
                raise damaged(self.uri, "; ".join(self._loss))
            if not self._client.list_indexes(collection, timeout=_CALL_S):  # killed before it had one
                self.build_index(collection, IndexType("FLAT"), origin.metric_type)
            self._client.load_collection(collection, timeout=_BUILD_S)
            return Collection(self, self._client, collection, origin)

    def create(self, index: str, number: int, origin: Origin, index_type: IndexType) -> Collection:
        """An empty collection of this number for an index; no alias points to it yet.

        Raises:
            SettingsError: this Milvus does not have the index type, or not with these parameters.
        """
        check_name(index)
        name, text = collection_name(index, number), about(origin)
        with translated(self.uri, name):
            self._client.create_collection(
                name,
                schema=_schema(origin.dimension, text),
                properties={_PROPERTY: text} if self.is_lite else None,
                consistency_level=_CONSISTENCY,
                timeout=_CALL_S,
            )
        try:
            self.build_index(name, index_type, origin.metric_type)
        except SettingsError:
            self.drop(index, number)
            raise
        return self.open(name)

    def build_index(self, collection: str, index_type: IndexType, metric: str) -> None:
        """Build an index over the vectors of a collection that has none. Raises as ``create``."""
        if self.is_lite and index_type.kind not in LITE_TYPES:
            there = ", ".join(LITE_TYPES)
            raise SettingsError(f"--index-type {index_type}: Milvus Lite has {there}; a Milvus server has more")
        build = {name: int(value) if value.isdecimal() else value for name, value in index_type.params.items()}
        params = MilvusClient.prepare_index_params()
        params.add_index(_FIELD, index_type=index_type.kind, index_name=_FIELD, metric_type=metric, params=build)
        with translated(self.uri, collection, index_type=str(index_type)):
            self._client.create_index(collection, params, timeout=_BUILD_S)

    def indexes(self) -> list[str]:
        """The names of all indexes."""
        names = (_split(collection) for collection in self._collections())
        return sorted({index for index, number in names if number and self.target_of(index)})

    def numbers(self, index: str) -> list[int]:
        """The numbers of the collections of an index, in order."""
        names = (_split(collection) for collection in self._collections())
        return sorted(number for name, number in names if name == index and number)

    def target_of(self, index: str) -> str | None:
        """The collection that the alias of an index points to; None if there is no such alias."""
        try:
            # In a database of a Milvus 2.3, ``list_aliases`` and ``describe_alias`` tell of those of another database.
            with translated(self.uri, index):
                facts = self._client.describe_collection(index, timeout=_CALL_S)
        except NoSuchIndex:
            return None
        name = str(facts["collection_name"])
        return name if _split(name)[0] == index != name else None

    def point(self, index: str, number: int) -> None:
        """Let the alias of an index point to the collection of this number, at once for everybody."""
        name = collection_name(index, number)
        move = self._client.create_alias if self.target_of(index) is None else self._client.alter_alias
        with translated(self.uri, name):
            move(name, index, timeout=_CALL_S)

    def drop(self, index: str, number: int) -> None:
        """Delete a collection for good."""
        name = collection_name(index, number)
        with translated(self.uri, name):
            self._client.drop_collection(name, timeout=_CALL_S)

    def _connect(self, uri: str, token: str) -> MilvusClient:
        address = uri
        if "://" not in uri:
            if not uri.endswith(".db"):
                raise SettingsError(f"--uri {uri}: must be a path that ends in .db, or http://HOST:PORT of a Milvus")
            address, log = self._stack.enter_context(serve_lite(Path(uri).expanduser()))
            self._loss = log.messages
        with translated(self.uri):
            client = MilvusClient(address, token=token, timeout=_CONNECT_S)
            self._stack.callback(client.close)
        return client

    def _collections(self) -> list[str]:
        with translated(self.uri):
            names: list[str] = self._client.list_collections(timeout=_CALL_S)
            return names


class Collection:
    """The pictures of one index. Made by a ``Store``.

    Attributes:
        name: of the collection in Milvus.
        origin: what made the vectors.
    """

    def __init__(self, store: Store, client: MilvusClient, name: str, origin: Origin) -> None:
        self._store, self._client, self.name, self.origin = store, client, name, origin
        self._unsettled = 0
        self._has_written = False
        self.index_type = self._describe_index()

    def upsert(self, rows: Sequence[Row]) -> None:
        """Write rows, whole or not at all; rows of the same id are replaced. Safe against kill -9 on return."""
        with self._translated():
            self._client.upsert(self.name, [row.fields() for row in rows], timeout=_CALL_S)
        self._has_written = True
        self._unsettled += len(rows)
        if self._store.is_lite and self._unsettled >= _LITE_SETTLE_ROWS:
            self.settle()

    def delete(self, ids: Sequence[str]) -> None:
        """Delete rows; those that are not there do no harm."""
        with self._translated():
            self._client.delete(self.name, ids=list(ids), timeout=_CALL_S)
        self._has_written = True

    def known(self, ids: Sequence[str]) -> dict[str, Picture]:
        """Those of these pictures that are there, by id; what was written before is seen."""
        return {fields["id"]: Picture.of(fields) for fields in self._get(ids, PICTURE_FIELDS)}

    def rows(self, ids: Sequence[str]) -> list[Row]:
        """Those of these pictures that are there, with their vectors."""
        return [_row(fields) for fields in self._get(ids, [*PICTURE_FIELDS, _FIELD])]

    def pictures(self, page: int = _PAGE) -> Iterator[list[Picture]]:
        """All pictures, by their ids, so many on a page."""
        return ([Picture.of(fields) for fields in each] for each in self._pages(PICTURE_FIELDS, page))

    def all_rows(self) -> Iterator[list[Row]]:
        """All pictures with their vectors, page by page."""
        return ([_row(fields) for fields in page] for page in self._pages([*PICTURE_FIELDS, _FIELD], _VECTOR_PAGE))

    def search(self, vectors: Sequence[Vector], k: int, expression: str = "") -> list[list[Hit]]:
        """The nearest pictures of each vector, nearest first.

        What this collection wrote is seen; what others wrote, a few seconds later at most.

        Args:
            vectors: (dimension,) float32 each, of unit length.
            k: how many, 1 to 16384.
            expression: a filter over the fields of the schema, in Milvus's language.

        Raises:
            WrongFilter: the expression is none.
        """
        found = self._search(vectors, k, PICTURE_FIELDS, expression)
        return [[Hit(Picture.of(hit["entity"]), float(hit["distance"])) for hit in hits] for hits in found]

    def neighbours(self, vectors: Sequence[Vector], k: int) -> list[list[tuple[str, float]]]:
        """As ``search``, but no more than the id and the score of each."""
        found = self._search(vectors, k, ["id"], "")
        return [[(str(hit["id"]), float(hit["distance"])) for hit in hits] for hits in found]

    def count(self) -> int:
        """How many pictures there are, exactly."""
        with self._translated():
            answer = self._client.query(self.name, filter="", output_fields=["count(*)"], timeout=_CALL_S)
        return int(answer[0]["count(*)"])

    def settle(self) -> None:
        """Let Milvus Lite write what is in memory as a segment; a server does so by itself."""
        if self._store.is_lite and self._unsettled:
            with self._translated():
                self._client.flush(self.name, timeout=_BUILD_S)
        self._unsettled = 0

    def rebuild_index(self, index_type: IndexType) -> None:
        """Build another index over the vectors. Until it is done, the collection cannot be searched.

        Raises:
            SettingsError: this Milvus does not have it; the index is as it was.
        """
        self.settle()
        with self._translated():
            self._client.release_collection(self.name, timeout=_CALL_S)
            self._client.drop_index(self.name, _FIELD, timeout=_CALL_S)
        try:
            self._store.build_index(self.name, index_type, self.origin.metric_type)
            self.index_type = index_type
        except SettingsError:
            self._store.build_index(self.name, self.index_type, self.origin.metric_type)
            raise
        finally:
            with self._translated():
                self._client.load_collection(self.name, timeout=_BUILD_S)

    def _search(self, vectors: Sequence[Vector], k: int, fields: Sequence[str], expression: str) -> Any:
        with self._translated(expression):
            return self._client.search(
                self.name,
                data=[np.asarray(vector, np.float32) for vector in vectors],
                limit=k,
                filter=expression,
                output_fields=list(fields),
                search_params={"params": self.index_type.search_params(k)},
                consistency_level="Session" if self._has_written else "Bounded",
                timeout=_CALL_S,
            )

    def _get(self, ids: Sequence[str], fields: Sequence[str]) -> list[Mapping[str, Any]]:
        if not ids:
            return []
        with self._translated():
            found: list[Mapping[str, Any]] = self._client.query(
                self.name, ids=list(ids), output_fields=list(fields), timeout=_CALL_S
            )
            return found

    def _pages(self, fields: Sequence[str], size: int) -> Iterator[list[Mapping[str, Any]]]:
        with self._translated():
            pages = self._client.query_iterator(self.name, batch_size=size, output_fields=list(fields), timeout=_CALL_S)
            try:
                while page := pages.next():
                    yield page
            finally:
                pages.close()

    def _describe_index(self) -> IndexType:
        with self._translated():
            facts = self._client.describe_index(self.name, _FIELD, timeout=_CALL_S)
        params = {name: str(facts[name]) for name in ("M", "efConstruction", "nlist") if name in facts}
        return IndexType(str(facts["index_type"]), params)

    def _translated(self, expression: str = "") -> Any:
        return translated(self._store.uri, self.name, expression)


def collection_name(index: str, number: int) -> str:
    """``photos``, 2 -> ``photos__2``."""
    return f"{index}__{number}"


def check_name(index: str) -> None:
    """Raise SettingsError unless Milvus takes it as a name."""
    if not _NAME.fullmatch(index) or "__" in index:
        rule = "must be letters, digits and single underscores, at most 200, and begin with a letter"
        raise SettingsError(f"--index {index}: {rule}")


def _split(collection: str) -> tuple[str, int]:
    """``photos__2`` -> ``photos``, 2; number 0 if it is no collection of ours."""
    index, _, number = collection.rpartition("__")
    return (index, int(number)) if index and number.isdecimal() else (collection, 0)


def _shown(uri: str) -> str:
    """Without credentials, for messages."""
    if "://" not in uri:
        return uri
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _schema(dimension: int, description: str) -> Any:
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False, description=description)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=ID_CHARS)
    schema.add_field(_FIELD, DataType.FLOAT_VECTOR, dim=dimension)
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


def _row(fields: Mapping[str, Any]) -> Row:
    return Row(Picture.of(fields), np.asarray(fields[_FIELD], np.float32))
