"""The indexes of one store, each served from when somebody first asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Self

from visop.contract import OperatorInfo
from visop.errors import NotAllowed, NotFound, UsageError
from visop.http.problems import Conflict
from visop.part_scheme import PartScheme, spoken_parts
from visop.same_encoder import differences
from visop.search.attributes import Declared
from visop.search.index import Index
from visop.search.store import Collection
from visop.web.service import SearchService
from visop.web.store_errors import safe_errors

#: Serves an index that is there, until the stack is left.
Serve = Callable[[Index, ExitStack], SearchService]

#: That may be made over HTTP.
MOST_INDEXES = 1000


@dataclass(frozen=True)
class _Served:
    service: SearchService
    stack: ExitStack


class Indexes:
    """A context manager; may be used from several threads.

    Args:
        default: the index that the server was started for, which stays.
        serve: serves another one.
        most: how many the store may have for one more to be made here: each that is served keeps files open.
    """

    def __init__(self, default: SearchService, serve: Serve, most: int = MOST_INDEXES) -> None:
        self.default, self._serve, self._most = default, serve, most
        self._served: dict[str, _Served] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._served):
            self._close(name)

    @property
    def encoder(self) -> OperatorInfo:
        """What makes the vectors here."""
        return self.default.index.collection.operator

    def names(self) -> list[str]:
        """The names of all indexes of the store, those of other encoders too."""
        with safe_errors():
            return self.default.index.store.indexes()

    def find(self, name: str) -> Collection | None:
        """What holds an index; None if there is none of this name."""
        with safe_errors():
            index = self._index(name)
            return index.collection if index.operator is not None else None

    def why_not(self, there: OperatorInfo) -> str:
        """Why an index with vectors of this operator cannot be searched here; empty if it can, whatever its parts."""
        differing = "; ".join(differences(replace(there, parts=self.encoder.parts), self.encoder))
        return f"it was made with another encoder, {there.name}: {differing}" if differing else ""

    def service(self, name: str) -> SearchService:
        """Serve an index.

        Raises:
            UsageError: this is no name of an index.
            NotFound: there is none of this name.
            NotAllowed: it has vectors of another encoder.
        """
        if name == self.default.index.name:
            return self.default
        with self._lock, safe_errors():
            index = self._index(name)
            self._check(name, index.operator)
            served = self._served.get(name)
            if served is None:
                stack = ExitStack()
                served = self._served[name] = _Served(self._serve(index, stack), stack)
            return served.service

    def service_to_add(self, name: str) -> SearchService:
        """Serve an index into which pictures are added.

        Raises:
            VisopError: as ``service``; or nothing may be added here, or the index has vectors of other parts.
        """
        service = self.service(name)
        service.uploads.check()
        with safe_errors():
            there = service.index.collection.operator.parts
        if there != self.encoder.parts:
            parts = f"{spoken_parts(there)}; this server makes those of the parts {spoken_parts(self.encoder.parts)}"
            raise NotAllowed(f"the index {name} has vectors of the parts {parts}, so nothing can be added")
        return service

    def create(self, name: str, attributes: Declared, parts: str | None = None) -> SearchService:
        """Make an empty index, whose pictures may have these attributes.

        Raises:
            UsageError: this is no name of an index, no index can have such attributes, or other parts are made here.
            Conflict: there is one of this name, or there are the most that are made here.
        """
        self.default.uploads.check()
        self._check_parts(parts)
        with self._changing(), safe_errors():
            index = self._index(name)
            if index.operator is not None:
                raise Conflict(f"there is an index {name} already")
            if len(self.default.index.store.indexes()) >= self._most:
                raise Conflict(f"there are {self._most:,} indexes, and no more are made over HTTP; delete one")
            index.make(attributes)
        return self.service(name)

    def delete(self, name: str) -> int:
        """Delete an index with what was uploaded into it; other files stay. Returns how many pictures it had.

        Raises:
            UsageError, NotFound: as ``service``.
            NotAllowed: the server was started for it.
        """
        self.default.uploads.check()
        if name == self.default.index.name:
            raise NotAllowed(f"the server was started for the index {name}, which therefore stays")
        service = self.service(name)
        with self._changing(), safe_errors():
            count = service.index.count()
            service.index.drop()
        service.uploads.clear()
        with self._lock:
            self._close(name)
        return count

    def _check_parts(self, wanted: str | None) -> None:
        made = self.encoder.parts
        if wanted not in (None, made, spoken_parts(made), PartScheme.of(made).name):
            raise UsageError("parts", wanted, f"this server makes the parts {spoken_parts(made)}, and no others")

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with safe_errors(), self.default.index.store.changing:
            yield

    def _index(self, name: str) -> Index:
        there = self._served.get(name)
        return there.service.index if there else self.default.index.beside(name)

    def _check(self, name: str, there: OperatorInfo | None) -> None:
        if there is None:
            self._close(name)
            raise NotFound(f"there is no index {name}")
        if why := self.why_not(there):
            raise NotAllowed(f"the index {name} cannot be searched here: {why}")

    def _close(self, name: str) -> None:
        if served := self._served.pop(name, None):
            served.stack.close()
            served.service.index.close()
