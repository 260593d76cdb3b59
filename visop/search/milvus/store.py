"""Indexes in a Milvus server or cluster. Milvus Lite as a server is one, too."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from typing import Any, Self
from urllib.parse import urlsplit

from visop import address
from visop.contract import OperatorInfo
from visop.errors import UsageError
from visop.search.attributes import Declared
from visop.search.errors import NoSuchIndex
from visop.search.index_types import IndexType, parse_index_type
from visop.search.limits import DEFAULT_LIMITS, BatchLimits
from visop.search.milvus.collection import BUILD_S, CALL_S, Connection, MilvusCollection, collection_schema
from visop.search.milvus.errors import be_quiet, translated
from visop.search.milvus.in_parts import CollectionInParts, schema_in_parts
from visop.search.milvus.library import MilvusClient
from visop.search.names import check_name, collection_name, split_name
from visop.search.place import shown_uri
from visop.search.process_lock import ProcessLock
from visop.search.schema import NONE_DECLARED, about, read_about

# What a collection says of itself. The old one is that of indexes from before 0.2, when the project had another name.
_PROPERTY, _OLD_PROPERTY = "visop", "opkit"

_CONNECT_S = 10.0

# An interval of gRPC that is off.
_NEVER_MS = 2**31 - 1

# Reads see all that anybody wrote before: an upsert that missed a name would lose it. To be sure, a server waits 0.2 s
# for its next time tick, which is too long for a search: see ``MilvusCollection._search``. This is set for the
# collection and not for each query, because pymilvus's query iterator ignores it there.
_CONSISTENCY = "Strong"


class MilvusStore:
    """A connection; see ``visop.search.store.Store``.

    Args:
        uri: the ``http(s)://`` address of a Milvus.
        token: of the server, if it asks for one: ``user:password``, or an API key.
        limits: on what is done at once.

    Attributes:
        connection: to the Milvus that it is.

    Raises:
        UsageError: what answers there is no Milvus, or wants a token.
        StoreError: it cannot be opened; see ``visop.search.errors``.
    """

    def __init__(self, uri: str, token: str = "", limits: BatchLimits = DEFAULT_LIMITS) -> None:
        be_quiet()
        self._stack = ExitStack()
        # For a notebook that never closes what it opens.
        self._close = weakref.finalize(self, self._stack.close)
        try:
            self.connection = self._connect(uri, token, limits)
        except BaseException:
            self.close()
            raise
        self._client = self.connection.client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. Idempotent."""
        self._close()

    @property
    def uri(self) -> str:
        """Where it is, without credentials, for messages."""
        return self.connection.uri

    @property
    def changing(self) -> ProcessLock:
        """Held while something is looked up and then changed accordingly."""
        return self.connection.changing

    @property
    def limits(self) -> BatchLimits:
        """On what is done at once."""
        return self.connection.limits

    def stamp(self) -> int:
        """As of ``Connection``."""
        return self.connection.stamp()

    def find(self, index: str) -> MilvusCollection:
        """Return the collection that holds an index.

        Raises:
            NoSuchIndex: there is none of this name; says which there are.
            UsageError: it was not made by visop.
        """
        check_name(index)
        name = self.target_of(index)
        if name is None:
            raise NoSuchIndex.among(self.uri, index, self.indexes())
        return self.open(name)

    def open(self, collection: str) -> MilvusCollection:
        """Return a collection by its own name. Raises as ``find``."""
        with translated(self.connection.uri, collection):
            facts = self._client.describe_collection(collection, timeout=CALL_S)
            # Milvus Lite keeps properties and no description; of a server, only a description takes any text.
            properties = facts["properties"]
            text = properties.get(_PROPERTY) or properties.get(_OLD_PROPERTY) or facts["description"]
            operator, attributes = read_about(text, collection)
            if not self._is_ready(collection):
                self._make_ready(collection, operator)
            kind = CollectionInParts if operator.parts else MilvusCollection
            return kind(self.connection, collection, operator, attributes)

    def check_index_type(self, index_type: str) -> None:
        """Raise UsageError for an index type that this Milvus is known not to have, before anything is done."""
        if index_type != "auto":
            self.connection.check_index_type(parse_index_type(index_type))

    def create(
        self,
        index: str,
        number: int,
        operator: OperatorInfo,
        *,
        attributes: Declared = NONE_DECLARED,
        index_type: str = "auto",
        pictures: int = 0,
    ) -> MilvusCollection:
        """Make an empty collection. Arguments and errors are those of ``visop.search.store.Store.create``."""
        check_name(index)
        begun_as = "FLAT" if index_type == "auto" else index_type
        chosen = self.connection.choose_index_type(begun_as, pictures, operator.dimension)
        name, text = collection_name(index, number), about(operator, attributes)
        schema_of = schema_in_parts if operator.parts else collection_schema
        with translated(self.connection.uri, name):
            self._client.create_collection(
                name,
                schema=schema_of(operator.dimension, text, has_attributes=bool(attributes)),
                properties={_PROPERTY: text} if self.connection.is_lite else None,
                consistency_level=_CONSISTENCY,
                timeout=CALL_S,
            )
        try:
            self.connection.build_index(name, chosen, operator.metric_type)
        except UsageError:
            self.drop(index, number)
            raise
        return self.open(name)

    def indexes(self) -> list[str]:
        """Return the names of all indexes."""
        names = (split_name(collection) for collection in self._collections())
        return sorted({index for index, number in names if number and self.target_of(index)})

    def numbers(self, index: str) -> list[int]:
        """Return the numbers of the collections of an index, in order."""
        names = (split_name(collection) for collection in self._collections())
        return sorted(number for name, number in names if name == index and number)

    def target_of(self, index: str) -> str | None:
        """Return the collection that the alias of an index points to; None if there is no such alias."""
        try:
            # In a database of a Milvus 2.3, ``list_aliases`` and ``describe_alias`` tell of those of another database.
            with translated(self.connection.uri, index):
                facts = self._client.describe_collection(index, timeout=CALL_S)
        except NoSuchIndex:
            return None
        name = str(facts["collection_name"])
        return name if split_name(name)[0] == index != name else None

    def point(self, index: str, number: int) -> None:
        """Point the alias of an index to the collection of this number, at once for everybody."""
        name = collection_name(index, number)
        move = self._client.create_alias if self.target_of(index) is None else self._client.alter_alias
        with translated(self.connection.uri, name):
            move(name, index, timeout=CALL_S)
        self.connection.changing.note_change()

    def drop(self, index: str, number: int) -> None:
        """Delete a collection."""
        name = collection_name(index, number)
        with translated(self.connection.uri, name):
            self._client.drop_collection(name, timeout=CALL_S)

    def delete(self, index: str) -> None:
        """Delete an index. Raises as ``find``."""
        name = self.find(index).name
        with self.changing:
            with translated(self.connection.uri, name):
                self._client.drop_alias(index, timeout=CALL_S)
            for number in self.numbers(index):
                self.drop(index, number)
            self.changing.note_change()

    def _connect(self, uri: str, token: str, limits: BatchLimits) -> Connection:
        shown = shown_uri(uri)
        with translated(shown):
            # Not one that it shares with whoever uses the same address: that would stay open after its end.
            client = MilvusClient(uri, token, timeout=_CONNECT_S, grpc_options=_options(uri), dedicated=True)
            self._stack.callback(client.close)
            is_lite = client.get_server_version(timeout=_CONNECT_S).startswith("milvus_lite")
        # `milvus-lite server` does not make those who write take turns.
        writing = threading.Lock() if is_lite else nullcontext()
        return Connection(client, shown, is_lite, writing, ProcessLock(), limits)

    def _is_ready(self, collection: str) -> bool:
        """Whether a collection can be searched."""
        state = self._client.get_load_state(collection, timeout=CALL_S)["state"]
        return bool(state.name == "Loaded" and self._client.list_indexes(collection, timeout=CALL_S))

    def _make_ready(self, collection: str, operator: OperatorInfo) -> None:
        """Load a collection; if another process is building its index, when that is done."""
        with self.connection.changing:
            if not self._client.list_indexes(collection, timeout=CALL_S):  # killed before it had one
                self.connection.build_index(collection, IndexType("FLAT"), operator.metric_type)
            self._client.load_collection(collection, timeout=BUILD_S)

    def _collections(self) -> list[str]:
        with translated(self.connection.uri):
            names: list[str] = self._client.list_collections(timeout=CALL_S)
            return names


def _options(server: str) -> Mapping[str, Any]:
    """Return options of the channel to a Milvus."""
    # On this machine no proxy is asked, whatever the web is behind, and nothing forgets a connection that is idle.
    is_here = address.leads_here(urlsplit(server).netloc.rpartition("@")[2])
    return {"grpc.enable_http_proxy": 0, "grpc.keepalive_time_ms": _NEVER_MS} if is_here else {}
