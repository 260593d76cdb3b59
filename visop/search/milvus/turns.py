"""Let the calls of a Milvus Lite server take turns: its journal breaks when two threads write at once.

While it moves rows from memory into a segment, it finds them in neither. So whoever reads waits for whoever writes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

_WRITES = frozenset(
    {
        "Insert",
        "Upsert",
        "Delete",
        "Flush",
        "CreateCollection",
        "DropCollection",
        "CreateAlias",
        "AlterAlias",
        "DropAlias",
    }
)

# What builds or loads an index is in neither: it takes minutes, and Milvus Lite has a lock of its own for it.
_READS = frozenset(
    {
        "Search",
        "Query",
        "DescribeCollection",
        "DescribeIndex",
        "ShowCollections",
        "GetCollectionStatistics",
    }
)


class Turns:
    """A lock that readers share and a writer has alone. A writer that waits goes before readers that come later."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._readers = self._waiting_writers = 0
        self._is_writing = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Be in it together with others that read."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._is_writing or self._waiting_writers))
            self._readers += 1
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be in it alone."""
        with self._changed:
            self._waiting_writers += 1
            try:
                self._changed.wait_for(lambda: not (self._is_writing or self._readers))
            finally:
                self._waiting_writers -= 1
            self._is_writing = True
        try:
            yield
        finally:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()


class TakeTurns(grpc.ServerInterceptor):
    """Makes the calls that read or write rows of a Milvus wait for their turn."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        """Return what handles a call. Arguments are those of ``grpc.ServerInterceptor``."""
        handler = continuation(handler_call_details)
        method = handler_call_details.method.rpartition("/")[2]
        if method not in _WRITES | _READS:
            return handler
        turn = self._turns.writing if method in _WRITES else self._turns.reading

        def call(request: Any, context: grpc.ServicerContext) -> Any:
            with turn():
                return handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(call, handler.request_deserializer, handler.response_serializer)
