"""Milvus behind one small interface: a file (Milvus Lite), a server or a cluster, told apart by the URI alone.

An index NAME is an alias of a collection ``NAME__1``, so that a reindex can fill ``NAME__2`` beside it and switch.
"""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from visop import address
from visop.contract import OperatorInfo
from visop.errors import UsageError
from visop.search.errors import NoSuchIndex
from visop.search.limits import DEFAULT_LIMITS, BatchLimits
from visop.search.milvus.collection import BUILD_S, CALL_S, Collection, Connection, collection_schema
from visop.search.milvus.errors import be_quiet, damaged, translated
from visop.search.milvus.index_types import IndexType
from visop.search.milvus.library import MilvusClient
from visop.search.milvus.lite import CHANNEL, NEVER_MS, open_lite
from visop.search.milvus.place import file_of, shown_uri
from visop.search.milvus.process_lock import ProcessLock
from visop.search.milvus.schema import about, operator_of_text

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,199}")

# What a collection says of itself. The old one is that of indexes from before 0.2, when the project had another name.
_PROPERTY, _OLD_PROPERTY = "visop", "opkit"

_CONNECT_S = 10.0

# The lock in a file of Milvus Lite: see ``Collection.changing``.
_CHANGING = "changing.lock"

# Reads see all that anybody wrote before: an upsert that missed a name would lose it. To be sure, a server waits 0.2 s
# for its next time tick, which is too long for a search: see ``Collection._search``. This is set for the collection
# and not for each query, because pymilvus's query iterator ignores it there.
_CONSISTENCY = "Strong"


class Store:
    """A connection. A context manager; may be used from several threads.

    Args:
        uri: ``NAME.db``, a path for Milvus Lite, or the ``http(s)://`` address of a Milvus.
        token: of the server, if it asks for one: ``user:password``, or an API key.
        limits: on what is done at once.

    Attributes:
        connection: to the Milvus that it is.

    Raises:
        UsageError: neither a path nor an address.
        StoreError: it cannot be opened; see ``visop.search.errors``.
    """

    def __init__(self, uri: str, token: str = "", limits: BatchLimits = DEFAULT_LIMITS) -> None:
        be_quiet()
        self._stack = ExitStack()
        # For a notebook that never closes what it opens: Milvus Lite would keep the interpreter from ending.
        self._close = weakref.finalize(self, self._stack.close)
        self._loss: list[str] = []
        try:
            self.connection = self._connect(uri, token, limits)
        except BaseException:
            self.close()
            raise
        self._client = self.connection.client

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is in memory, and close the file. Idempotent."""
        self._close()

    def find(self, index: str) -> Collection:
        """Return the collection that holds an index.

        Raises:
            NoSuchIndex: there is none of this name; says which there are.
            UsageError: it was not made by visop.
        """
        check_name(index)
        name = self.target_of(index)
        if name is None:
            there = ", ".join(self.indexes()) or "none"
            raise NoSuchIndex(
                f"{self.connection.uri} has no index {index!r}; there are: {there}. `visop index` makes one"
            )
        return self.open(name)

    def open(self, collection: str) -> Collection:
        """Return a collection by its own name. Raises as ``find``."""
        with translated(self.connection.uri, collection):
            facts = self._client.describe_collection(collection, timeout=CALL_S)
            # Milvus Lite keeps properties and no description; of a server, only a description takes any text.
            properties = facts["properties"]
            text = properties.get(_PROPERTY) or properties.get(_OLD_PROPERTY) or facts["description"]
            operator = operator_of_text(text, collection)
            if self._loss:
                raise damaged(self.connection.uri, "; ".join(self._loss))
            if not self._is_ready(collection):
                self._make_ready(collection, operator)
            return Collection(self.connection, collection, operator)

    def create(self, index: str, number: int, operator: OperatorInfo, index_type: IndexType) -> Collection:
        """Make an empty collection of this number for an index; no alias points to it yet.

        Raises:
            UsageError: this Milvus does not have the index type, or not with these parameters.
        """
        check_name(index)
        name, text = collection_name(index, number), about(operator)
        with translated(self.connection.uri, name):
            self._client.create_collection(
                name,
                schema=collection_schema(operator.dimension, text),
                properties={_PROPERTY: text} if self.connection.is_lite else None,
                consistency_level=_CONSISTENCY,
                timeout=CALL_S,
            )
        try:
            self.connection.build_index(name, index_type, operator.metric_type)
        except UsageError:
            self.drop(index, number)
            raise
        return self.open(name)

    def indexes(self) -> list[str]:
        """Return the names of all indexes."""
        names = (_split(collection) for collection in self._collections())
        return sorted({index for index, number in names if number and self.target_of(index)})

    def numbers(self, index: str) -> list[int]:
        """Return the numbers of the collections of an index, in order."""
        names = (_split(collection) for collection in self._collections())
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
        return name if _split(name)[0] == index != name else None

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

    def _connect(self, uri: str, token: str, limits: BatchLimits) -> Connection:
        server, changing = uri, ProcessLock()
        if (path := file_of(uri)) is not None:
            server, changing = self._opened(path)
        shown = shown_uri(uri)
        with translated(shown):
            # Not one that it shares with whoever uses the same address: that would stay open after its end.
            client = MilvusClient(server, token, timeout=_CONNECT_S, grpc_options=_options(server), dedicated=True)
            self._stack.callback(client.close)
            is_lite = client.get_server_version(timeout=_CONNECT_S).startswith("milvus_lite")
        # `milvus-lite server` does not make those who write take turns.
        writing = threading.Lock() if is_lite and server == uri else nullcontext()
        return Connection(client, shown, is_lite, server != uri, writing, changing, limits)

    def _opened(self, path: Path) -> tuple[str, ProcessLock]:
        """Open a file of Milvus Lite: its address, and the lock of all processes that use it."""
        file, log = self._stack.enter_context(open_lite(path))
        self._loss = log.messages
        with translated(str(path)):
            changing = ProcessLock(path / _CHANGING)
        self._stack.callback(changing.close)
        return file.address, changing

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
    if server.startswith("unix:"):
        return CHANNEL
    # On this machine no proxy is asked, whatever the web is behind, and nothing forgets a connection that is idle.
    is_here = address.leads_here(urlsplit(server).netloc.rpartition("@")[2])
    return {"grpc.enable_http_proxy": 0, "grpc.keepalive_time_ms": NEVER_MS} if is_here else {}


def collection_name(index: str, number: int) -> str:
    """``photos``, 2 -> ``photos__2``."""
    return f"{index}__{number}"


def check_name(index: str) -> None:
    """Raise UsageError for a name that Milvus would not take."""
    if not _NAME.fullmatch(index) or "__" in index:
        rule = "must be letters, digits and single underscores, at most 200, and begin with a letter"
        raise UsageError("name", index, rule)


def _split(collection: str) -> tuple[str, int]:
    """``photos__2`` -> ``photos``, 2; number 0 if it is no collection of ours."""
    index, _, number = collection.rpartition("__")
    return (index, int(number)) if index and number.isdecimal() else (collection, 0)
