"""Write, read and search the pictures of one index in a file of this machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

import numpy as np

from visop.contract import OperatorInfo, Vector
from visop.errors import UsageError
from visop.search.attributes import Declared, check_attributes
from visop.search.embedded import rows as tables
from visop.search.embedded.allowed_rows import AllowedRows
from visop.search.embedded.builder import IndexBuilder
from visop.search.embedded.database import Database
from visop.search.embedded.filters import EVERYTHING, Condition, condition_of
from visop.search.embedded.memory import Memory, Replaced, facts_of
from visop.search.embedded.nearest import Search
from visop.search.index_types import IndexType, parse_index_type
from visop.search.limits import BatchLimits
from visop.search.process_lock import ProcessLock
from visop.search.schema import Hit, Picture, Row

_Made = TypeVar("_Made")

#: What can be searched how.
TYPES = ("FLAT", "IVF_SQ8")

_PAGE = 8000
_VECTOR_PAGE = 2000
# Up to so many numbers are compared one by one, 50 MB: as fast as an index, and exact.
_FLAT_NUMBERS = 50_000 * 256

# Times that another process may replace the index while a search begins.
_ATTEMPTS = 3


class EmbeddedCollection:
    """The pictures of one index. Made by an ``EmbeddedStore``; see ``visop.search.store.Collection``.

    Attributes:
        name: of the collection.
        operator: what made the vectors.
        attributes: that its pictures may have.
        changing: held while rows are looked up and then written accordingly.
        limits: on what is done at once.
    """

    def __init__(
        self,
        database: Database,
        uri: str,
        operator: OperatorInfo,
        attributes: Declared,
        changing: ProcessLock,
        limits: BatchLimits,
    ) -> None:
        self._database, self._uri, self.name = database, uri, database.path.stem
        self.operator, self.attributes = operator, attributes
        self.changing, self.limits = changing, limits
        self._fields = tables.fields_of(attributes)
        self._memory, self._allowed = Memory(database.path.parent, operator.dimension), AllowedRows()
        flat = _FLAT_NUMBERS // operator.dimension if limits.flat is None else limits.flat
        self._builder = IndexBuilder(database, uri, flat)

    def close(self) -> None:
        """Stop building an index, and close the file. Idempotent."""
        self._builder.close()
        self._database.close()

    @property
    def is_there(self) -> bool:
        """Whether nobody has deleted its file."""
        return self._database.is_there

    @property
    def index_type(self) -> IndexType:
        """How vectors are searched, for people to read."""
        with self._database.reading() as connection:
            facts = facts_of(connection)
        return IndexType("IVF_SQ8", {"nlist": str(facts.clusters)}) if facts else IndexType("FLAT")

    def upsert(self, rows: Sequence[Row]) -> None:
        """Write rows, all or none, in place of those of the same id. Safe against kill -9 on return.

        Raises:
            UsageError: a picture has an attribute that the index has not, or of another type; nothing was written.
        """
        for row in rows:
            check_attributes(row.picture.attributes, self.attributes)
        if rows:
            with self._database.writing() as connection:
                tables.write(connection, rows, self.attributes)
                is_much = self._builder.is_needed(connection)
            if is_much:
                self._builder.begin()

    def delete(self, ids: Sequence[str]) -> None:
        """Delete pictures with all their parts; ids that are not there are ignored."""
        if ids:
            with self._database.writing() as connection:
                tables.delete(connection, ids)

    def known(self, ids: Sequence[str]) -> dict[str, Picture]:
        """Return those of these pictures that are there, by id, as last written."""
        with self._database.reading() as connection:
            found = tables.pictures_with_ids(connection, ids, self.attributes)
        return {picture.id: picture for picture in found.values()}

    def rows(self, ids: Sequence[str]) -> list[Row]:
        """Return those of these pictures that are there, with their vectors and those of their parts."""
        with self._database.reading() as connection:
            return tables.with_vectors(connection, tables.pictures_with_ids(connection, ids, self.attributes))

    def pictures(self, page: int = _PAGE, expression: str = "") -> Iterator[list[Picture]]:
        """Return all pictures, or those of which a part matches a filter, in the order of their ids, so many on a page.

        Raises:
            WrongFilter: the expression is none.
        """
        condition = condition_of(expression, self._fields)
        return self._pages(page, lambda _, found: list(found.values()), condition, expression)

    def all_rows(self, *, with_parts: bool = True) -> Iterator[list[Row]]:
        """Return all pictures with their vectors, page by page.

        Args:
            with_parts: with those of the parts, too, which are many more.
        """
        return self._pages(_VECTOR_PAGE, partial(tables.with_vectors, with_parts=with_parts))

    def search(self, vectors: Sequence[Vector], k: int, expression: str = "") -> list[list[Hit]]:
        """Return the nearest pictures of each vector, the nearest first; each picture once, by its nearest part.

        Args:
            vectors: (dimension,) float32 each, of unit length.
            k: how many, 1 to 16384.
            expression: a filter, as of ``visop.search.store.Collection.search``.

        Raises:
            WrongFilter: the expression is none.
        """
        condition = condition_of(expression, self._fields)
        for attempt in range(_ATTEMPTS):
            with suppress(Replaced), self._database.reading(expression) as connection:
                loaded = self._memory.as_of(connection, is_last=attempt == _ATTEMPTS - 1)
                known = partial(self._allowed.known, connection, expression, condition)
                allowed = partial(self._allowed.looked_up, connection, expression, condition)
                metric = self.operator.metric_type
                search = Search(connection, loaded, metric, self.attributes, condition, known, allowed)
                return [search.nearest(np.asarray(vector, np.float32), k) for vector in vectors]
        raise AssertionError("the last attempt does without the index")

    def count(self) -> int:
        """Return the exact number of pictures."""
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM pictures").fetchone()[0])

    def vectors(self) -> int:
        """Return the number of vectors: of pictures, and of their parts."""
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM parts").fetchone()[0])

    def settle(self) -> None:
        """Write what is only in the write-ahead file into its final place."""
        self._database.checkpoint()

    def refresh(self) -> None:
        """Nothing to do: each search looks for what others changed."""

    def tune(self, index_type: str = "auto") -> None:
        """Build an index over the vectors if there are many; of two processes that want it, one does.

        Args:
            index_type: ``auto``, ``FLAT``, or ``IVF_SQ8``, perhaps with ``nlist``.

        Raises:
            UsageError: the store does not have it; nothing was changed.
        """
        check_index_type(index_type)
        self._builder.tune(None if index_type == "auto" else parse_index_type(index_type))
        self.settle()

    def _pages(
        self,
        size: int,
        made: Callable[[sqlite3.Connection, dict[int, Picture]], list[_Made]],
        condition: Condition = EVERYTHING,
        expression: str = "",
    ) -> Iterator[list[_Made]]:
        """Yield what is made of the pictures of each page; nothing is held open while the caller works on one."""
        after = ""
        while True:
            with self._database.reading(expression) as connection:
                numbers = tables.page_of(connection, after, size, condition)
                found = tables.pictures_of(connection, numbers, self.attributes)
                page = made(connection, found)
            if not found:
                return
            after = next(reversed(found.values())).id
            yield page


def check_index_type(index_type: str) -> None:
    """Raise UsageError for an index type that this store does not have."""
    if index_type == "auto":
        return
    asked = parse_index_type(index_type)
    if asked.kind not in TYPES:
        raise UsageError("index_type", asked, f"a file has {', '.join(TYPES)}; a Milvus server has more")
    unknown = [name for name in asked.params if (asked.kind, name) != ("IVF_SQ8", "nlist")]
    nlist = asked.params.get("nlist", "1")
    if unknown or not nlist.isdecimal() or not 1 <= int(nlist) <= 65536:
        raise UsageError("index_type", asked, "IVF_SQ8 has the parameter nlist, 1 to 65536, and FLAT none")
