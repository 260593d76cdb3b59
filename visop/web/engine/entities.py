"""The entities of applications: each upload makes one, of a picture for each of its fields."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from visop.errors import NotFound
from visop.search.schema import Picture
from visop.web.engine.applications import Applications
from visop.web.engine.documents import Facts
from visop.web.engine.fields import defaults_of, pictures_of, values_of
from visop.web.engine.indexes import FieldIndexes
from visop.web.engine.picture import Given, ReadOwn
from visop.web.engine.pipelines import Pipelines
from visop.web.engine.running import Pictured
from visop.web.engine.state import EngineDatabase

# Of one statement of SQL.
_TOGETHER = 500


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


class Entities:
    """May be used from several threads."""

    def __init__(
        self, database: EngineDatabase, applications: Applications, pipelines: Pipelines, indexes: FieldIndexes
    ) -> None:
        self._database, self._applications, self._pipelines, self._indexes = database, applications, pipelines, indexes

    def upload(self, application: str, given: Mapping[str, Any], deadline: float, read_own: ReadOwn) -> StoredEntity:
        """Make an entity of pictures and values; all of it, or nothing.

        Args:
            application: its name.
            given: for the fields of the application.
            deadline: on the clock of ``time.monotonic``.
            read_own: reads what is behind an address of this server.

        Raises:
            NotFound: there is no such application.
            EngineError: a field does not fit, or nothing is found in a picture.
            VisopError: a picture cannot be used, or an operator not be called.
        """
        facts = self._applications.get(application)
        values = defaults_of(facts["fields"]) | values_of(facts["fields"], given)
        pictures = pictures_of(facts["fields"], given, read_own)
        made: dict[str, Pictured] = {}
        for field, picture in pictures.items():
            pipeline = facts["fields"][field]["value"]
            made[field] = self._pipelines.run(pipeline, picture, deadline)
            self._indexes.check(facts["indexes"][field], made[field].info, pipeline)
        return self._keep(facts, pictures, made, values)

    def count(self, application: str) -> int:
        """How many an application has. Raises NotFound if there is no such application."""
        self._applications.get(application)
        with self._database.reading() as connection:
            statement = "SELECT count(*) FROM entities WHERE application = ?"
            return int(connection.execute(statement, (application,)).fetchone()[0])

    def page(self, application: str, num: int, page: int) -> list[StoredEntity]:
        """Those of a page, the oldest first. Raises NotFound if there is no such application."""
        self._applications.get(application)
        statement = "SELECT id, docs FROM entities WHERE application = ? ORDER BY number LIMIT ? OFFSET ?"
        with self._database.reading() as connection:
            return _read(connection.execute(statement, (application, num, num * page)))

    def get(self, application: str, id_: str) -> StoredEntity:
        """One. Raises NotFound if it is not there."""
        statement = "SELECT id, docs FROM entities WHERE application = ? AND id = ?"
        with self._database.reading() as connection:
            found = _read(connection.execute(statement, (application, id_)))
        if not found:
            raise NotFound(f"entity {id_[:100]} does not exist in the application {application}")
        return found[0]

    def delete(self, application: str, id_: str) -> StoredEntity:
        """Delete one, with its vectors and the copies of its pictures. Raises NotFound if it is not there."""
        indexes = self._applications.get(application)["indexes"]
        with self._indexes.store.changing:
            entity = self.get(application, id_)
            pictures = {indexes[field]: doc["picture"] for field, doc in entity.docs.items() if "picture" in doc}
            with self._database.changing() as connection:
                connection.execute("DELETE FROM entities WHERE id = ?", (id_,))
                _note(connection, pictures.items())
            self._tidy()
        return entity

    def of_pictures(self, index: str, pictures: Sequence[str]) -> list[StoredEntity]:
        """The entities that have these pictures in the index of a field, in their order."""
        found: dict[str, list[StoredEntity]] = {}
        for start in range(0, len(pictures), _TOGETHER):
            some = pictures[start : start + _TOGETHER]
            marks = ", ".join("?" * len(some))
            statement = (
                "SELECT picture, id, docs FROM pictures JOIN entities ON entity = number "  # noqa: S608 - marks alone
                f"WHERE collection = ? AND picture IN ({marks}) ORDER BY number"
            )
            with self._database.reading() as connection:
                for picture, id_, docs in connection.execute(statement, (index, *some)):
                    found.setdefault(picture, []).append(StoredEntity(id_, json.loads(docs)))
        return [entity for picture in pictures for entity in found.get(picture, ())]

    def picture(self, application: str, id_: str, field: str) -> Picture:
        """The picture of a field of an entity. Raises NotFound if it is not there."""
        facts = self._applications.get(application)
        doc = self.get(application, id_).docs.get(field, {})
        if "picture" not in doc:
            raise NotFound(f"entity {id_} has no picture in the field {field[:100]}")
        return self._indexes.picture(facts["indexes"][field], doc["picture"])

    def recover(self) -> None:
        """Finish what was interrupted when the server was killed."""
        with self._indexes.store.changing:
            self._tidy()

    def _keep(
        self, facts: Facts, pictures: Mapping[str, Given], made: Mapping[str, Pictured], values: Mapping[str, Any]
    ) -> StoredEntity:
        """Write the vectors, and then the entity that they belong to."""
        docs: dict[str, Any] = {}
        with self._indexes.store.changing:
            self._applications.get(facts["name"])
            for field, pictured in made.items():
                index, given = facts["indexes"][field], pictures[field]
                docs[field] = {"picture": self._kept(index, facts["bucket"], pictured, given)}
            with self._database.changing() as connection:
                for field, pictured in made.items():
                    docs[field]["ids"] = _new_ids(connection, len(pictured.vectors))
                docs |= {name: {"value": value} for name, value in values.items()}
                return _insert(connection, facts, docs)

    def _kept(self, index: str, bucket: str, pictured: Pictured, given: Given) -> str:
        with self._database.changing() as connection:
            _note(connection, [(index, pictured.id)])
        return self._indexes.keep(index, bucket, pictured, str(given.value) if given.is_url else "")

    def _tidy(self) -> None:
        """Take pictures out of the indexes that no entity has."""
        with self._database.reading() as connection:
            noted = connection.execute("SELECT collection, picture FROM unfinished").fetchall()
        for index, picture in noted:
            if not self.of_pictures(index, [picture]):
                self._indexes.remove(index, [picture])
            with self._database.changing() as connection:
                connection.execute("DELETE FROM unfinished WHERE collection = ? AND picture = ?", (index, picture))


def _note(connection: sqlite3.Connection, pictures: Iterable[tuple[str, str]]) -> None:
    """Note that pictures of indexes may have no entity soon: ``_tidy`` looks at them again."""
    connection.executemany("INSERT OR IGNORE INTO unfinished VALUES (?, ?)", list(pictures))


def _insert(connection: sqlite3.Connection, facts: Facts, docs: dict[str, Any]) -> StoredEntity:
    """Write an entity; its pictures are noted no longer."""
    id_ = f"{int(time.time()):08x}{secrets.token_hex(8)}"
    statement = "INSERT INTO entities (id, application, docs) VALUES (?, ?, ?)"
    number = connection.execute(statement, (id_, facts["name"], json.dumps(docs))).lastrowid
    pictures = [(facts["indexes"][field], doc["picture"]) for field, doc in docs.items() if "picture" in doc]
    connection.executemany("INSERT INTO pictures VALUES (?, ?, ?)", [(*each, number) for each in pictures])
    connection.executemany("DELETE FROM unfinished WHERE collection = ? AND picture = ?", pictures)
    return StoredEntity(id_, docs)


def _new_ids(connection: sqlite3.Connection, count: int) -> list[int]:
    """Numbers for vectors, which no others have or had."""
    statement = "INSERT INTO counters VALUES ('vectors', ?) ON CONFLICT (name) DO UPDATE SET value = value + ?"
    connection.execute(statement, (count, count))
    (last,) = connection.execute("SELECT value FROM counters WHERE name = 'vectors'").fetchone()
    return list(range(last - count + 1, last + 1))


def _read(rows: Iterable[tuple[str, str]]) -> list[StoredEntity]:
    return [StoredEntity(id_, json.loads(docs)) for id_, docs in rows]
