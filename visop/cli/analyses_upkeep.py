"""``visop analyses migrate`` and ``prune``: what is done to a database itself, beside a running service or without."""

from __future__ import annotations

import argparse
import sys

from visop.cli.analyses_flags import add_storage_flags, database_of
from visop.cli.console import imports
from visop.cli.flags import Commands, add_command

ADVICE = "to keep analyses: pip install 'visop[analyses]'"

_MIGRATE_NOTES = """\
`serve` does this when it starts. By itself it is for a database whose tables the service may not change: run it as a
user that may, before a new version is started. It may be run at any time, and does nothing where nothing is to be done.

exit status:
  0 the tables are those of this version    1 the database does not answer    2 wrong usage

examples:
  visop analyses migrate
  VISOP_DATABASE=postgresql://admin:...@db/visop visop analyses migrate
"""


def add_migrate(actions: Commands) -> None:
    """Add ``migrate``."""
    summary = "bring the tables of a database up to date with this version, or make them"
    parser = add_command(actions, "migrate", migrate, summary, _MIGRATE_NOTES)
    add_storage_flags(parser)


def migrate(arguments: argparse.Namespace) -> int:
    """Migrate; the exit status."""
    with imports(ADVICE):
        from visop.analyses.database import Database
    with Database(database_of(arguments)) as database:
        database.migrate()
        sys.stdout.write(f"{database.address}: the tables are those of this version\n")
    return 0
