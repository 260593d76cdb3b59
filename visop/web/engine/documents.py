"""Operators, instances, pipelines and applications as they are kept: JSON by name, each kind apart."""

from __future__ import annotations

import json
import sqlite3
import uuid
from datetime import UTC, datetime
from typing import Any

from visop.errors import InvalidInput, NotFound
from visop.http.problems import Conflict
from visop.web.engine.state import EngineDatabase

Facts = dict[str, Any]

# Of each kind.
_MOST = 1000


class Documents:
    """Those of one kind. May be used from several threads.

    Args:
        database: keeps them.
        kind: such as ``operator``, which messages say, too.
    """

    def __init__(self, database: EngineDatabase, kind: str) -> None:
        self._database, self.kind = database, kind

    def all(self) -> list[Facts]:
        """Those that are there, in the order in which they came."""
        with self._database.reading() as connection:
            return list(self.within(connection).values())

    def find(self, name: str) -> Facts | None:
        """One; None if there is none of this name."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT facts FROM documents WHERE kind = ? AND name = ?", (self.kind, name)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def get(self, name: str) -> Facts:
        """One. Raises NotFound if there is none of this name."""
        if (found := self.find(name)) is None:
            raise self.missing(name)
        return found

    def add(self, name: str, facts: Facts) -> None:
        """Keep a new one.

        Raises:
            Conflict: there is one of this name.
            InvalidInput: there are too many.
        """
        with self._database.changing() as connection:
            there = self.within(connection)
            if name in there:
                raise self.exists(name)
            if len(there) >= _MOST:
                raise InvalidInput(f"there are {len(there)} of the kind {self.kind}, which is the limit")
            self.write(connection, name, facts)

    def delete(self, name: str) -> Facts:
        """Forget one, and return it. Raises NotFound if there is none of this name."""
        with self._database.changing() as connection:
            there = self.within(connection)
            if name not in there:
                raise self.missing(name)
            self.erase(connection, name)
        return there[name]

    def update(self, name: str, changes: Facts) -> Facts:
        """Change one, and return it. Raises NotFound if there is none of this name."""
        with self._database.changing() as connection:
            facts = self.within(connection).get(name)
            if facts is None:
                raise self.missing(name)
            facts |= changes
            self.write(connection, name, facts)
        return facts

    def within(self, connection: sqlite3.Connection) -> dict[str, Facts]:
        """All by name, in a transaction."""
        statement = "SELECT name, facts FROM documents WHERE kind = ? ORDER BY rowid"
        return {name: json.loads(facts) for name, facts in connection.execute(statement, (self.kind,))}

    def write(self, connection: sqlite3.Connection, name: str, facts: Facts) -> None:
        """Keep one in a transaction, in place of one of the same name."""
        statement = (
            "INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET facts = excluded.facts"
        )
        connection.execute(statement, (self.kind, name, json.dumps(facts)))

    def erase(self, connection: sqlite3.Connection, name: str) -> None:
        """Forget one in a transaction."""
        connection.execute("DELETE FROM documents WHERE kind = ? AND name = ?", (self.kind, name))

    def exists(self, name: str) -> Conflict:
        """The error of a name that another one has."""
        return Conflict(f"{self.kind} {name} exists already")

    def missing(self, name: str) -> NotFound:
        """The error of a name that does not exist."""
        return NotFound(f"{self.kind} {name[:100]} does not exist")


def metadata(resource: str) -> Facts:
    """What the original engine tells of each resource."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return {"id": str(uuid.uuid4()), "create_time": str(now), "resource_type": resource, "state": "created"}
