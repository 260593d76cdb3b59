"""``visop analyses serve``: the service that keeps what operators find."""

from __future__ import annotations

import argparse
import os
import sys

from visop.address import is_wildcard, join, split
from visop.analyses.original_names import ORIGINALS, SIMILAR
from visop.cli.analyses_flags import (
    SECRET,
    add_broker_flag,
    add_operator_flags,
    add_storage_flags,
    age,
    broker_of,
    choices_of,
    database_of,
    folders_of,
    pictures_of,
    queue_of,
)
from visop.cli.analyses_upkeep import ADVICE
from visop.cli.console import imports
from visop.cli.flags import Commands, add_command, number, whole
from visop.cli.settings_flags import ENCODER_SETTINGS, add_settings, given_settings
from visop.settings import Effective, load_settings

DEFAULT_HTTP = "127.0.0.1:8080"

_NOTES = f"""\
Without a broker, this process does all of the work itself: two commands, this one and `visop jobs submit`, are a whole
system. With one, `visop worker` takes the work over, and --workers 0 leaves this process to answer alone. What is
queued is in the database, so nothing is lost when it, a worker or the broker is restarted.

On SIGTERM or Ctrl-C requests in hand are answered, and the exit status is 0. A second signal ends it at once.

examples:
  visop analyses serve                                              then open http://{DEFAULT_HTTP}/page
  visop analyses serve --operator faces=10.0.0.7:50051 --operator logos=10.0.0.8:50051
  visop analyses serve --class logos=my_operators:Logos --keep 30d
  VISOP_DATABASE=postgresql://visop:...@db/visop VISOP_BROKER=amqp://visop:...@mq visop analyses serve --workers 0 \\
      --pictures-at s3://bucket/visop --operator faces=faces:50051
"""


def add_serve(actions: Commands) -> None:
    """Add ``serve``."""
    summary = "serve records of analyses over HTTP, with a page, until SIGTERM"
    parser = add_command(actions, "serve", serve, summary, _NOTES)
    add_operator_flags(parser)
    kept = parser.add_argument_group("where records are kept, and how long")
    add_storage_flags(kept)
    told = "delete records this long after their end, such as 30d or 12h (default: keep them)"
    kept.add_argument("--keep", type=age, metavar="AGE", help=told)
    work = parser.add_argument_group("who does the work")
    add_broker_flag(work)
    threads = "threads of this process that do the work of jobs; 0 leaves it to `visop worker` (default 2)"
    work.add_argument("--workers", type=whole(0), default=2, metavar="N", help=threads)
    reached = parser.add_argument_group("where it is reached")
    add_settings(reached, ["http_endpoint", "http_hosts", "tokens_file", "open", "tls_cert", "tls_key"])
    http = next(action for action in parser._actions if action.dest == "setting_http_endpoint")
    http.help = f"HOST:PORT of the page and of HTTP [OP_HTTP_ENDPOINT; default: {DEFAULT_HTTP}]"
    names = f"speak the interfaces of these systems, too: {', '.join(ORIGINALS)}, with commas (docs/how-to/migrate.md)"
    reached.add_argument("--originals", type=_originals, default=(), metavar="NAME[,NAME]", help=names)
    cosine = number(float, lambda value: 0 < value < 1, "between 0 and 1")
    alike = f"from which cosine on `predict` calls two pictures similar (default {SIMILAR})"
    reached.add_argument("--similar", type=cosine, default=SIMILAR, metavar="COSINE", help=alike)
    such_as = "of operators in this process, and limits, such as --model, --request-timeout-s, --fetch-allow"
    limits = ["request_timeout_s", "drain_timeout_s", "max_image_bytes", "max_message_bytes", "max_calls"]
    more = parser.add_engine_group("operators in this process, and limits", such_as)
    add_settings(more, [*ENCODER_SETTINGS, *limits, "fetch", "fetch_allow", "log_level", "log_format"])


def serve(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit status."""
    effective = _settings(arguments)
    with imports(ADVICE):
        from visop.analyses.service import ServiceOptions, serve_analyses
    options = ServiceOptions(
        database=database_of(arguments),
        pictures_at=pictures_of(arguments),
        operators=choices_of(arguments),
        broker=broker_of(arguments),
        queue=queue_of(),
        workers=arguments.workers,
        folders=folders_of(),
        keep=arguments.keep,
        webhook_secret=os.environ.get(SECRET, ""),
        originals=arguments.originals,
        similar=arguments.similar,
    )
    return serve_analyses(effective, options, _tell_address)


def _originals(text: str) -> tuple[str, ...]:
    """For argparse: names of interfaces."""
    names = tuple(each.strip() for each in text.split(",") if each.strip())
    if unknown := [each for each in names if each not in ORIGINALS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]}: must be of {', '.join(ORIGINALS)}")
    return names


def _settings(arguments: argparse.Namespace) -> Effective:
    """The settings, with HTTP on: there is nothing else here."""
    flags = given_settings(arguments)
    if not flags.get("http_endpoint", os.environ.get("OP_HTTP_ENDPOINT")):
        flags["http_endpoint"] = DEFAULT_HTTP
    return load_settings(os.environ, flags)


def _tell_address(address: str) -> None:
    """One line that a terminal makes a link of, in a form that a browser on this machine can open."""
    host, port = split(address)
    place = join("localhost" if is_wildcard(host) else host, port or 0)
    sys.stdout.write(f"visop: ready, open http://{place}/page\n")
    sys.stdout.flush()
