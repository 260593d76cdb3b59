"""What keeps indexes: one interface, whether they are in a file on this machine or behind the address of a server.

An index NAME is an alias of a collection ``NAME__1``, so that a reindex can fill ``NAME__2`` beside it and switch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, Self

from visop.contract import OperatorInfo, Vector
from visop.search.attributes import Declared
from visop.search.errors import StoreError
from visop.search.limits import DEFAULT_LIMITS, BatchLimits
from visop.search.place import file_of, shown_uri
from visop.search.schema import Hit, Picture, Row


class Collection(Protocol):
    """The pictures of one index, of which each has one vector or several. May be used from several threads."""

    @property
    def name(self) -> str:
        """Of the collection, such as ``photos__1``."""

    @property
    def operator(self) -> OperatorInfo:
        """What made the vectors."""

    @property
    def attributes(self) -> Declared:
        """Those that its pictures may have, as they were declared when it was made."""

    @property
    def changing(self) -> AbstractContextManager[object]:
        """Held while rows are looked up and then written accordingly; a thread may enter it again."""

    @property
    def limits(self) -> BatchLimits:
        """On what is done at once."""

    @property
    def index_type(self) -> object:
        """How vectors are searched, for people to read."""

    def upsert(self, rows: Sequence[Row]) -> None:
        """Write rows, each whole or not at all, in place of those of the same id. Safe against kill -9 on return.

        Raises:
            UsageError: a picture has an attribute that the index has not, or of another type; nothing was written.
        """

    def delete(self, ids: Sequence[str]) -> None:
        """Delete pictures with all their parts; ids that are not there are ignored."""

    def known(self, ids: Sequence[str]) -> dict[str, Picture]:
        """Return those of these pictures that are there, by id, as last written."""

    def rows(self, ids: Sequence[str]) -> list[Row]:
        """Return those of these pictures that are there, with their vectors and those of their parts."""

    def pictures(self, page: int = ..., expression: str = "") -> Iterator[list[Picture]]:
        """Return all pictures, or those of which a part matches a filter, in the order of their ids, so many on a page.

        Raises:
            WrongFilter: the expression is none.
        """

    def all_rows(self, *, with_parts: bool = ...) -> Iterator[list[Row]]:
        """Return all pictures with their vectors, page by page.

        Args:
            with_parts: with those of the parts, too, which are many more.
        """

    def search(self, vectors: Sequence[Vector], k: int, expression: str = "") -> list[list[Hit]]:
        """Return the nearest pictures of each vector, the nearest first; each picture once, by its nearest part.

        Args:
            vectors: (dimension,) float32 each, of unit length.
            k: how many, 1 to 16384.
            expression: a filter in Milvus's language over the facts of a picture, its attributes, and ``part``,
                ``label`` and ``score`` of the part whose vector is compared. The whole picture is part 0, has no label
                and score 0. Where a picture lacks an attribute, no comparison with it holds, except ``!=`` and ``not``
                in some stores.

        Raises:
            WrongFilter: the expression is none.
        """

    def count(self) -> int:
        """Return the exact number of pictures."""

    def vectors(self) -> int:
        """Return the number of vectors: of pictures, and of their parts."""

    def settle(self) -> None:
        """Write what is only in memory into its final place."""

    def refresh(self) -> None:
        """Find out anew what another process may have changed."""

    def tune(self, index_type: str = "auto") -> None:
        """Search in the way that fits the number of vectors: called at the end of a run, so that it is built once.

        Args:
            index_type: ``auto``, or one that the store has.

        Raises:
            UsageError: the store does not have it; nothing was changed.
        """


class Store(Protocol):
    """A connection. A context manager; may be used from several threads."""

    @property
    def uri(self) -> str:
        """Where it is, without credentials, for messages."""

    @property
    def changing(self) -> AbstractContextManager[object]:
        """As of ``Collection``."""

    @property
    def limits(self) -> BatchLimits:
        """As of ``Collection``."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(self, *_: object) -> None:
        """Close it."""

    def close(self) -> None:
        """Write what is in memory, and close it. Idempotent."""

    def stamp(self) -> int:
        """Return a number that is another one when what was found of an index may be out of date."""

    def find(self, index: str) -> Collection:
        """Return the collection that holds an index.

        Raises:
            NoSuchIndex: there is none of this name; says which there are.
            UsageError: it was not made by visop.
        """

    def open(self, collection: str) -> Collection:
        """Return a collection by its own name. Raises as ``find``."""

    def check_index_type(self, index_type: str) -> None:
        """Raise UsageError for an index type that the store is known not to have, before anything is done."""

    def create(
        self,
        index: str,
        number: int,
        operator: OperatorInfo,
        *,
        attributes: Declared = ...,
        index_type: str = "auto",
        pictures: int = 0,
    ) -> Collection:
        """Make an empty collection of this number for an index; no alias points to it yet.

        Args:
            index: its name.
            number: of the collection.
            operator: what makes the vectors; its ``parts`` says of which parts of a picture.
            attributes: that pictures may have, by name.
            index_type: as of ``Collection.tune``, which makes it of ``auto``.
            pictures: how many are to come, about.

        Raises:
            UsageError: the store does not have the index type, or not with these parameters, or an attribute has the
                name of a field, or one that a filter could not hold.
        """

    def indexes(self) -> list[str]:
        """Return the names of all indexes."""

    def numbers(self, index: str) -> list[int]:
        """Return the numbers of the collections of an index, in order."""

    def target_of(self, index: str) -> str | None:
        """Return the collection that the alias of an index points to; None if there is no such alias."""

    def point(self, index: str, number: int) -> None:
        """Point the alias of an index to the collection of this number, at once for everybody."""

    def drop(self, index: str, number: int) -> None:
        """Delete a collection."""

    def delete(self, index: str) -> None:
        """Delete an index with everything in it, also what a reindex began or kept. Raises as ``find``."""


def open_store(uri: str, token: str = "", limits: BatchLimits = DEFAULT_LIMITS) -> Store:
    """Open the store that a URI means, made if it is a file that is not there.

    Args:
        uri: ``NAME.db``, a path, or the ``http(s)://`` address of a Milvus.
        token: of the server, if it asks for one: ``user:password``, or an API key.
        limits: on what is done at once.

    Raises:
        UsageError: neither a path nor an address.
        StoreError: it cannot be opened; see ``visop.search.errors``.
    """
    path = file_of(uri)
    if path is not None:
        from visop.search.embedded.store import EmbeddedStore

        return EmbeddedStore(path, limits)
    try:
        from visop.search.milvus.store import MilvusStore
    except ImportError as error:
        why = f"to use a Milvus server, install pymilvus: pip install 'visop[milvus]' ({error})"
        raise StoreError(f"{shown_uri(uri)}: {why}") from None
    return MilvusStore(uri, token, limits)
