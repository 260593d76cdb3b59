"""Bring the tables of a database from any earlier form into the newest one, within one transaction."""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from visop.errors import UsageError

# It tells at INFO what is of no use to who starts a service.
logging.getLogger("alembic").setLevel(logging.WARNING)

_SCRIPTS = Path(__file__).with_name("migrations")
_VERSIONS = "visop_revision"

# Of PostgreSQL's advisory locks: two services that start at once migrate one after the other. Any number will do.
_LOCK = 0x7669736F70


def migrate(connection: Connection, address: str, revision: str = "head") -> None:
    """Upgrade the tables.

    Args:
        connection: within a transaction that writes.
        address: of the database, for messages.
        revision: how far.

    Raises:
        UsageError: the tables are those of a later version, or of something else.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        connection.execute(text("SET LOCAL statement_timeout = 0"))  # a large table takes the time that it takes
    _check(connection, address)
    command.upgrade(config_of(connection), revision)


def config_of(connection: Connection) -> Config:
    """What Alembic needs to know; ``migrations/env.py`` takes the connection from it."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = _VERSIONS
    return config


def revisions() -> list[str]:
    """All revisions, the first one first."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def _check(connection: Connection, address: str) -> None:
    there = set(inspect(connection).get_table_names())
    if _VERSIONS not in there:
        if there & {"pictures", "analyses", "results", "jobs"}:
            raise UsageError("database", address, "has tables of something else; take another database")
        return
    current = MigrationContext.configure(connection, opts={"version_table": _VERSIONS}).get_current_revision()
    if current and current not in revisions():
        why = f"was used by a later version of visop (revision {current}); take that one, or another database"
        raise UsageError("database", address, why)
