"""Databases of earlier versions, empty and filled, become those of this one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, func, insert, select

from visop.analyses.columns import now
from visop.analyses.database import Database
from visop.analyses.migrating import migrate, revisions
from visop.analyses.models import Base

#: A row of each table of the first revision, in the order in which they refer to each other.
ROWS: dict[str, dict[str, Any]] = {
    "pictures": {"digest": "0" * 64, "size": 1, "media_type": "image/png", "created": now()},
    "jobs": {"operators": ["a"], "source": {"kind": "urls"}, "priority": 10, "expanded": 1, "state": "done"},
    "analyses": {"operators": ["a"], "state": "done", "priority": 0, "digest": "0" * 64, "job_id": 1, "item": 0},
    "results": {"analysis_id": 1, "operator": "a", "state": "done", "vector": b"1234", "seconds": 0.5},
    "labels": {"analysis_id": 1, "operator": "a", "label": "dog", "score": 0.5},
    "deliveries": {"analysis_id": 1, "url": "http://x", "body": {}, "state": "done"},
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    of_server = request.param == "postgresql"
    address = request.getfixturevalue("postgresql").new_database() if of_server else str(tmp_path / "analyses.db")
    with Database(address) as found:
        yield found


def fill(connection: Connection) -> None:
    """Put a row into each table, as it is now; a column that must have a value and is not named gets an empty one."""
    tables = MetaData()
    tables.reflect(connection)
    for name, row in ROWS.items():
        table = tables.tables[name]
        connection.execute(insert(table).values({**_required(table), **row}))


def _required(table: Table) -> dict[str, Any]:
    wanted = [each for each in table.columns if not each.nullable and not each.primary_key]
    return {each.name: _empty(each.type.python_type) for each in wanted if not each.foreign_keys}


def _empty(kind: type) -> Any:
    return now() if kind.__name__ == "datetime" else kind()


def counts(connection: Connection) -> dict[str, int]:
    tables = Base.metadata.tables
    return {name: connection.scalar(select(func.count()).select_from(tables[name])) or 0 for name in ROWS}


def engine_of(database: Database) -> Engine:
    return create_engine(database.url)


@pytest.mark.parametrize("revision", revisions())
def test_a_filled_database_of_each_revision_is_upgraded_with_all_that_is_in_it(
    database: Database, revision: str
) -> None:
    engine = engine_of(database)
    with engine.begin() as connection:
        migrate(connection, database.address, revision)
        fill(connection)
    database.migrate()
    with engine.connect() as connection:
        assert counts(connection) == dict.fromkeys(ROWS, 1)
        assert differences(connection) == []
    engine.dispose()


def differences(connection: Connection) -> list[Any]:
    """What Alembic would write a migration for."""
    options = {"version_table": "visop_revision", "compare_type": True}
    return compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)


def test_an_empty_database_gets_the_tables_of_the_models(database: Database) -> None:
    database.migrate()
    database.migrate()
    engine = engine_of(database)
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()
