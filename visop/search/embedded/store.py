"""Indexes in a folder of this machine, called ``NAME.db``: a SQLite database and an index file for each collection.

``visop.json`` says which collection an index is in. It is written last, and as a whole.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from visop.contract import OperatorInfo
from visop.errors import UsageError
from visop.files import write_whole
from visop.search.attributes import Declared
from visop.search.embedded.collection import EmbeddedCollection, check_index_type
from visop.search.embedded.database import Database, make_database, remove_database
from visop.search.embedded.errors import damaged, translated
from visop.search.embedded.take_over import put_away, take_over
from visop.search.errors import NoSuchIndex
from visop.search.limits import DEFAULT_LIMITS, BatchLimits
from visop.search.names import check_name, collection_name, split_name
from visop.search.process_lock import ProcessLock
from visop.search.schema import NONE_DECLARED, about, read_about

FORMAT = 1

#: The file that says that a folder holds indexes of this store.
RECORD = "visop.json"

# Milvus Lite's files may have one of the name "changing.lock".
_CHANGING = "visop.lock"


class EmbeddedStore:
    """A folder of indexes; see ``visop.search.store.Store``. Several processes of one machine may have it open.

    Args:
        path: of the folder, made if it is not there.
        limits: on what is done at once.

    Attributes:
        uri: where it is, for messages.
        changing: held while something is looked up and then changed accordingly, among all processes.
        limits: on what is done at once.

    Raises:
        StoreError: it cannot be opened.
    """

    def __init__(self, path: Path, limits: BatchLimits = DEFAULT_LIMITS) -> None:
        self._path, self.uri, self.limits = path, str(path), limits
        self._open: dict[str, EmbeddedCollection] = {}
        self._opening = threading.Lock()
        with translated(self.uri):
            path.mkdir(exist_ok=True)
            self.changing = self._lock()
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is in memory, and close the files. Idempotent."""
        with self._opening:
            while self._open:
                self._open.popitem()[1].close()
        self.changing.close()

    def stamp(self) -> int:
        """Return a number that is another one when what was found of an index may be out of date."""
        return self.changing.changes()

    def find(self, index: str) -> EmbeddedCollection:
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

    def open(self, collection: str) -> EmbeddedCollection:
        """Return a collection by its own name. Raises as ``find``."""
        with self._opening:
            there = self._open.get(collection)
            if there is not None and there.is_there:
                return there
            if there is not None:
                self._open.pop(collection).close()
            found = self._open[collection] = self._opened(collection)
            return found

    def check_index_type(self, index_type: str) -> None:
        """Raise UsageError for an index type that this store does not have, before anything is done."""
        check_index_type(index_type)

    def create(
        self,
        index: str,
        number: int,
        operator: OperatorInfo,
        *,
        attributes: Declared = NONE_DECLARED,
        index_type: str = "auto",
        pictures: int = 0,
    ) -> EmbeddedCollection:
        """Make an empty collection. Arguments and errors are those of ``visop.search.store.Store.create``."""
        check_name(index)
        check_index_type(index_type)
        text, name = about(operator, attributes), collection_name(index, number)
        with self.changing, translated(self.uri):
            if self._file(name).exists():
                raise UsageError("name", name, "there is a collection of this name already")
            make_database(self._file(name), text, attributes)
        return self.open(name)

    def indexes(self) -> list[str]:
        """Return the names of all indexes."""
        found = self._indexes().items()
        return sorted(index for index, number in found if self._file(collection_name(index, number)).exists())

    def numbers(self, index: str) -> list[int]:
        """Return the numbers of the collections of an index, in order."""
        names = (split_name(path.stem) for path in self._path.glob("*.sqlite"))
        return sorted(number for name, number in names if name == index and number)

    def target_of(self, index: str) -> str | None:
        """Return the collection that the alias of an index points to; None if there is no such alias."""
        number = self._indexes().get(index)
        name = collection_name(index, number) if number else ""
        return name if name and self._file(name).exists() else None

    def point(self, index: str, number: int) -> None:
        """Point the alias of an index to the collection of this number, at once for everybody."""
        with self.changing:
            self._write({**self._indexes(), index: number})
            self.changing.note_change()

    def drop(self, index: str, number: int) -> None:
        """Delete a collection."""
        name = collection_name(index, number)
        with self.changing, translated(self.uri):
            with self._opening:
                if name in self._open:
                    self._open.pop(name).close()
            remove_database(self._file(name))

    def delete(self, index: str) -> None:
        """Delete an index with everything in it. Raises as ``find``."""
        with self.changing:
            self.find(index)
            self._write({name: number for name, number in self._indexes().items() if name != index})
            for number in self.numbers(index):
                self.drop(index, number)
            self.changing.note_change()

    def _begin(self) -> None:
        """Make the record of the indexes if there is none, and take over those of Milvus Lite."""
        if not (self._path / RECORD).exists():
            with self.changing:
                if not (self._path / RECORD).exists():
                    self._write(take_over(self._path, self))
                    put_away(self._path)
        self._indexes()

    def _opened(self, collection: str) -> EmbeddedCollection:
        database = Database(self._file(collection), self.uri)
        try:
            with database.reading() as connection:
                (text,) = connection.execute("SELECT value FROM about WHERE key = 'operator'").fetchone()
            operator, attributes = read_about(text, collection)
            return EmbeddedCollection(database, self.uri, operator, attributes, self.changing, self.limits)
        except BaseException:
            database.close()
            raise

    def _file(self, collection: str) -> Path:
        return self._path / f"{collection}.sqlite"

    def _lock(self) -> ProcessLock:
        """The lock of all processes; where nothing can be written, there is nothing to lock."""
        try:
            return ProcessLock(self._path / _CHANGING)
        except OSError:
            if (self._path / RECORD).exists():
                return ProcessLock()
            raise

    def _indexes(self) -> dict[str, int]:
        """Return the number of the collection of each index."""
        with translated(self.uri), suppress(FileNotFoundError):
            text = (self._path / RECORD).read_bytes()
            try:
                facts = json.loads(text)
                if facts["format"] > FORMAT:
                    why = f"has format {facts['format']}, this visop reads {FORMAT}: update visop"
                    raise UsageError("uri", self.uri, why)
                return {str(name): int(number) for name, number in facts["indexes"].items()}
            except (ValueError, KeyError, TypeError, AttributeError):
                raise damaged(self.uri, f"{RECORD} is no list of indexes") from None
        return {}

    def _write(self, indexes: dict[str, int]) -> None:
        text = json.dumps({"format": FORMAT, "indexes": indexes}, indent=1)
        with translated(self.uri):
            write_whole(self._path / RECORD, text.encode())
