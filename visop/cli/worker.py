"""``visop worker``: does the work of a service of analyses, together with others of its kind."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING

from visop.cli.analyses_flags import (
    BROKER,
    FOLDERS,
    PICTURES,
    QUEUE,
    add_broker_flag,
    add_operator_flags,
    add_storage_flags,
    broker_of,
    choices_of,
    database_of,
    folders_of,
    pictures_of,
    queue_of,
)
from visop.cli.console import imports
from visop.cli.flags import Commands, add_command, whole
from visop.cli.settings_flags import add_settings, read_settings
from visop.errors import UsageError

if TYPE_CHECKING:
    from visop.analyses.queue.process import Stopping
    from visop.analyses.queue.work import Work
    from visop.settings import Settings

_NOTES = f"""\
Takes analyses that wait in the database, a few at a time, and stores what its operators find. Start as many workers as
you like, on as many machines, with the database, pictures and broker of the service. A worker that is lost loses
nothing: what it was at goes to another one after half a minute. One whose broker or database is away waits for it.

With --operator it calls operators that run elsewhere, and needs no model. With --class, or without either, each of its
processes loads the model; of several GPUs, each process sees one: number (process modulo GPUs).

On SIGTERM or Ctrl-C it finishes what it has begun and ends; a second Ctrl-C ends it at once. {FOLDERS} names the
folders and addresses (s3://BUCKET/FOLDER) that jobs may read, separated by commas, and {QUEUE} the queue of the
broker, if several services share one (default visop). Both are the same for the service and all workers.

examples:
  export VISOP_DATABASE=postgresql://visop:...@db/visop VISOP_BROKER=amqp://visop:...@mq VISOP_PICTURES_AT=/srv/pictures
  visop worker --operator faces=10.0.0.7:50051       call a running operator
  visop worker --class logos=my_operators:Logos      run a class of your own
  visop worker --concurrency 4                       four processes, each with the built-in encoder
"""


def add_parser(commands: Commands) -> None:
    """Add ``worker`` to the commands of ``visop``."""
    parser = add_command(commands, "worker", run, "do the work of a service of analyses", _NOTES)
    add_operator_flags(parser)
    add_storage_flags(parser)
    add_broker_flag(parser)
    parser.add_argument(
        "--concurrency", type=whole(1), default=1, metavar="N", help="processes that work side by side (default 1)"
    )
    parser.add_argument(
        "--chunk", type=whole(1), default=32, metavar="N", help="pictures that are claimed at once (default 32)"
    )
    parser.add_argument(
        "--time-limit", dest="time_limit", type=whole(1), default=600, metavar="SECONDS",
        help="of the pictures that are claimed at once: a process that takes longer is ended (default 600)",
    )  # fmt: skip
    add_settings(parser, ["log_level", "log_format"])


def run(arguments: argparse.Namespace) -> int:
    """Work until SIGTERM or Ctrl-C; the exit status."""
    settings = read_settings(arguments).settings
    if not broker_of(arguments):
        raise UsageError("broker", "", f"say which broker tells of new work, here or in {BROKER}")
    with imports("to work: pip install 'visop[analyses]'"):
        from visop.analyses.database import Database
        from visop.analyses.database_url import folder_beside
        from visop.analyses.queue.worker import WorkerOptions, run_worker
        from visop.serving.logs import configure_logging
    configure_logging(settings.log_level, settings.log_format)
    if not pictures_of(arguments) and folder_beside(Database(database_of(arguments)).url) is None:
        raise UsageError("pictures_at", "", f"say where the service keeps pictures, here or in {PICTURES}")
    options = WorkerOptions(
        broker=broker_of(arguments),
        queue=queue_of(),
        database=database_of(arguments),
        open_work=lambda stopping: _open_work(arguments, settings, stopping),
        processes=arguments.concurrency,
        time_limit_s=arguments.time_limit + 60.0,
    )
    return run_worker(options)


def _open_work(arguments: argparse.Namespace, settings: Settings, stopping: Stopping) -> Work:
    """In each process of the pool: models are loaded here."""
    from visop.analyses.opening import open_context
    from visop.analyses.queue.celery_bell import CeleryBell
    from visop.analyses.queue.work import Work
    from visop.analyses.reading_sources import SourceReader
    from visop.tracing.opening import open_tracing

    choices = choices_of(arguments)
    opened = ExitStack()
    opened.enter_context(open_tracing("visop-worker", is_global=True))
    context = opened.enter_context(open_context(database_of(arguments), pictures_of(arguments), choices, settings))
    return Work(
        context,
        CeleryBell(broker_of(arguments), queue_of()),
        SourceReader(context, folders_of()),
        chunk=arguments.chunk,
        longest_s=float(arguments.time_limit),
        stopping=stopping,
        close=opened.close,
    )
