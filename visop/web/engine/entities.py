"""The entities of applications: each upload makes one, of a picture for each of its fields."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from visop.errors import NotFound
from visop.search.schema import Picture
from visop.web.engine.applications import Applications
from visop.web.engine.entity_writer import EntityWriter, NewPicture, StoredEntity, note
from visop.web.engine.fields import defaults_of, pictures_of, values_of
from visop.web.engine.indexes import FieldIndexes
from visop.web.engine.picture import ReadOwn
from visop.web.engine.pipelines import Pipelines
from visop.web.engine.running import Pictured
from visop.web.engine.state import EngineDatabase

# Of one statement of SQL.
_TOGETHER = 500


class Entities:
    """May be used from several threads."""

    def __init__(
        self, database: EngineDatabase, applications: Applications, pipelines: Pipelines, indexes: FieldIndexes
    ) -> None:
        self._database, self._applications, self._pipelines, self._indexes = database, applications, pipelines, indexes
        self._writer = EntityWriter(database, applications, indexes)

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
        new = [
            NewPicture(field, facts["indexes"][field], pictured, str(given.value) if given.is_url else "")
            for field, pictured in made.items()
            for given in [pictures[field]]
        ]
        return self._writer.write(facts, new, values)

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
            pictures = [(indexes[field], doc["picture"]) for field, doc in entity.docs.items() if "picture" in doc]
            with self._database.changing() as connection:
                connection.execute("DELETE FROM entities WHERE id = ?", (id_,))
                note(connection, pictures)
            self._writer.tidy(pictures)
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
        self._writer.recover()


def _read(rows: Iterable[tuple[str, str]]) -> list[StoredEntity]:
    return [StoredEntity(id_, json.loads(docs)) for id_, docs in rows]
