"""Write entities: the copies of their pictures, the vectors, and then the entity that they belong to.

An object storage can be slow, so that copies are written before ``store.changing`` is held. Meanwhile the same picture
may be deleted, with its copy: its note is gone then, and the copy is written again.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from visop.errors import VisopError
from visop.http.problems import Conflict
from visop.web.engine.applications import Applications
from visop.web.engine.documents import Facts
from visop.web.engine.indexes import FieldIndexes
from visop.web.engine.running import Pictured
from visop.web.engine.state import EngineDatabase

# Times that a picture may be deleted by others while it is uploaded.
_ATTEMPTS = 10


@dataclass(frozen=True)
class StoredEntity:
    """An entity as it is kept.

    Attributes:
        id: 24 hexadecimal digits.
        docs: of a field with a picture, ``ids`` of its vectors and ``picture``, its id in the index of the field; of
            another one, its ``value``.
    """

    id: str
    docs: Mapping[str, Any]

    def has(self, values: Mapping[str, Any]) -> bool:
        """Whether it has these values."""
        return all(self.docs.get(name, {}).get("value") == value for name, value in values.items())


@dataclass(frozen=True)
class NewPicture:
    """A picture of an entity that is uploaded.

    Attributes:
        field: of the application.
        index: the name of that of the field.
        pictured: what the pipeline of the field made of it.
        url: its address; empty of an upload.
    """

    field: str
    index: str
    pictured: Pictured
    url: str

    @property
    def id(self) -> str:
        """Of the picture."""
        return self.pictured.id


class EntityWriter:
    """May be used from several threads."""

    def __init__(self, database: EngineDatabase, applications: Applications, indexes: FieldIndexes) -> None:
        self._database, self._applications, self._indexes = database, applications, indexes

    def write(self, facts: Facts, pictures: Sequence[NewPicture], values: Mapping[str, Any]) -> StoredEntity:
        """Write an entity; all of it, or nothing.

        Args:
            facts: of its application.
            pictures: for its fields.
            values: of the other fields.

        Raises:
            NotFound: the application is gone.
            Conflict: others delete the same pictures all the time.
            VisopError: something cannot be written.
        """
        for _ in range(_ATTEMPTS):
            copies: dict[str, str] = {}
            try:
                for each in pictures:
                    copies[each.field] = self._copied(each, facts["bucket"])
                entity = self._written(facts, pictures, copies, values)
            except BaseException:
                self._undo(facts["bucket"], [each for each in pictures if each.field in copies])
                raise
            if entity is not None:
                self._settle(facts["bucket"], [each for each in pictures if copies[each.field]])
                return entity
        raise Conflict("a picture of the entity was deleted again and again while it was uploaded")

    def tidy(self, pictures: Iterable[tuple[str, str]]) -> None:
        """Take pictures out of the indexes that no entity has: (index, id) each. Hold ``store.changing``."""
        for index, picture in pictures:
            if not self._is_used(index, picture):
                self._indexes.remove(index, [picture])
            with self._database.changing() as connection:
                connection.execute("DELETE FROM unfinished WHERE collection = ? AND picture = ?", (index, picture))

    def recover(self) -> None:
        """Finish what was interrupted when the server was killed."""
        with self._indexes.store.changing:
            with self._database.reading() as connection:
                noted = connection.execute("SELECT collection, picture FROM unfinished").fetchall()
            self.tidy(noted)

    def _copied(self, picture: NewPicture, bucket: str) -> str:
        with self._database.changing() as connection:
            note(connection, [(picture.index, picture.id)])
        return self._indexes.copy(picture.index, bucket, picture.pictured)

    def _written(
        self, facts: Facts, pictures: Sequence[NewPicture], copies: Mapping[str, str], values: Mapping[str, Any]
    ) -> StoredEntity | None:
        """Write the vectors and the entity; None if a copy was deleted meanwhile, and nothing was written."""
        with self._indexes.store.changing:
            self._applications.get(facts["name"])
            if not all(self._has_copy(each, copies[each.field]) for each in pictures):
                return None
            with self._database.changing() as connection:
                note(connection, [(each.index, each.id) for each in pictures])
            for each in pictures:
                self._indexes.put(each.index, each.pictured, each.url, copies[each.field])
            with self._database.changing() as connection:
                return _insert(connection, facts, pictures, values)

    def _has_copy(self, picture: NewPicture, kept: str) -> bool:
        """Whether an index has a picture, or nobody has deleted the copy since it was written."""
        if self._indexes.has(picture.index, picture.id):
            return True
        sql = "SELECT 1 FROM unfinished WHERE collection = ? AND picture = ?"
        with self._database.reading() as connection:
            return bool(kept) and connection.execute(sql, (picture.index, picture.id)).fetchone() is not None

    def _is_used(self, index: str, picture: str) -> bool:
        sql = "SELECT 1 FROM pictures WHERE collection = ? AND picture = ? LIMIT 1"
        with self._database.reading() as connection:
            return connection.execute(sql, (index, picture)).fetchone() is not None

    def _settle(self, bucket: str, pictures: Iterable[NewPicture]) -> None:
        for each in pictures:
            self._indexes.settle(each.index, bucket, each.id)

    def _undo(self, bucket: str, pictures: Sequence[NewPicture]) -> None:
        """Take away what was written of an entity that was not; what cannot be is looked at again at the next start."""
        with suppress(VisopError), self._indexes.store.changing:
            self.tidy([(each.index, each.id) for each in pictures])
            for each in pictures:
                if not self._is_used(each.index, each.id):
                    self._indexes.discard(each.index, bucket, each.id)


def note(connection: sqlite3.Connection, pictures: Iterable[tuple[str, str]]) -> None:
    """Note that pictures of indexes may have no entity soon: ``EntityWriter.tidy`` looks at them again."""
    connection.executemany("INSERT OR IGNORE INTO unfinished VALUES (?, ?)", list(pictures))


def _insert(
    connection: sqlite3.Connection, facts: Facts, new: Sequence[NewPicture], values: Mapping[str, Any]
) -> StoredEntity:
    """Write an entity; its pictures are noted no longer."""
    docs: dict[str, Any] = {
        each.field: {"picture": each.id, "ids": _new_ids(connection, len(each.pictured.vectors))} for each in new
    }
    docs |= {name: {"value": value} for name, value in values.items()}
    id_ = f"{int(time.time()):08x}{secrets.token_hex(8)}"
    statement = "INSERT INTO entities (id, application, docs) VALUES (?, ?, ?)"
    number = connection.execute(statement, (id_, facts["name"], json.dumps(docs))).lastrowid
    pictures = [(each.index, each.id) for each in new]
    connection.executemany("INSERT INTO pictures VALUES (?, ?, ?)", [(*each, number) for each in pictures])
    connection.executemany("DELETE FROM unfinished WHERE collection = ? AND picture = ?", pictures)
    return StoredEntity(id_, docs)


def _new_ids(connection: sqlite3.Connection, count: int) -> list[int]:
    """Numbers for vectors, which no others have or had."""
    statement = "INSERT INTO counters VALUES ('vectors', ?) ON CONFLICT (name) DO UPDATE SET value = value + ?"
    connection.execute(statement, (count, count))
    (last,) = connection.execute("SELECT value FROM counters WHERE name = 'vectors'").fetchone()
    return list(range(last - count + 1, last + 1))
