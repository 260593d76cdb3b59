"""``visop analyses migrate`` and ``prune``: what is done to a database itself, beside a running service or without."""

from __future__ import annotations

import argparse
import sys

from visop.cli.analyses_flags import add_storage_flags, age, database_of, pictures_of
from visop.cli.console import imports
from visop.cli.flags import Commands, add_command
from visop.cli.settings_flags import read_settings

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


_PRUNE_NOTES = """\
`visop analyses serve --keep AGE` does the same now and then; this does it once, such as from cron. The file of a
picture goes with its last record. What has not ended stays, however old it is.

exit status:
  0 deleted, or nothing was so old    1 the database does not answer    2 wrong usage

examples:
  visop analyses prune --keep 30d
  visop analyses prune --keep 12h --database postgresql://visop@db/visop --pictures-at s3://bucket/visop
"""


def add_prune(actions: Commands) -> None:
    """Add ``prune``."""
    parser = add_command(actions, "prune", prune, "delete records that ended long ago, once", _PRUNE_NOTES)
    told = "delete records this long after their end, such as 30d, 12h or 90m"
    parser.add_argument("--keep", required=True, type=age, metavar="AGE", help=told)
    add_storage_flags(parser)


def prune(arguments: argparse.Namespace) -> int:
    """Prune; the exit status."""
    with imports(ADVICE):
        from visop.analyses.columns import now
        from visop.analyses.database import Database
        from visop.analyses.opening import picture_store_of
        from visop.analyses.pictures import Pictures
        from visop.analyses.retention import prune as prune_before
        from visop.images.decode import ImageLimits
    with Database(database_of(arguments)) as database:
        store = picture_store_of(database, pictures_of(arguments))
        pictures = Pictures(database, store, ImageLimits.of(read_settings(arguments).settings))
        count = prune_before(database, pictures, now() - arguments.keep)
    sys.stdout.write(f"{count} record{'' if count == 1 else 's'} deleted\n")
    return 0


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
