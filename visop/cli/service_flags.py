"""The flags of commands that ask a running service of analyses, and how its facts are printed."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from visop.cli.flags import CommandParser, Commands, add_command
from visop.errors import UsageError
from visop.sources import printable

if TYPE_CHECKING:
    from visop.analyses.service_client import ServiceClient

DEFAULT_SERVICE = "http://127.0.0.1:8080"
SERVICE_VARIABLE = "VISOP_SERVICE"

EXIT_STATUS = """\
exit status:
  0 done    1 something failed, or is not there    2 wrong usage    3 not finished    130 Ctrl-C
"""


def add_group(commands: Commands, name: str, summary: str, notes: str) -> Commands:
    """Add a command that has commands of its own; what it returns takes those."""
    parser = add_command(commands, name, _print_help, summary, notes)
    return parser.add_subparsers(dest="action", metavar="ACTION", parser_class=CommandParser)


def _print_help(arguments: argparse.Namespace) -> int:
    arguments.parser.print_help()
    return 0


def add_service_flag(parser: argparse.ArgumentParser) -> None:
    """Add which service is asked."""
    told = f"the running service [{SERVICE_VARIABLE}; default: {DEFAULT_SERVICE}]"
    parser.add_argument("--service", metavar="URL", help=told)
    sent = "send it the token that this file has [VISOP_TOKEN_FILE]"
    parser.add_argument("--token-file", metavar="FILE", help=sent)
    authorities = "for https, take authorities from this file [VISOP_CA]"
    parser.add_argument("--ca", metavar="FILE", help=authorities)


def add_json_flag(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON, as the service answers it")


def open_service(arguments: argparse.Namespace) -> ServiceClient:
    """The service that is meant. Raises UsageError if its address is none."""
    from visop.analyses.service_client import ServiceClient

    return ServiceClient(arguments.service or os.environ.get(SERVICE_VARIABLE) or DEFAULT_SERVICE)


def print_json(value: object) -> None:
    """Print an answer of the service."""
    sys.stdout.write(f"{json.dumps(value, indent=2, ensure_ascii=False)}\n")


def print_rows(rows: Iterable[Sequence[str]]) -> None:
    """Print a table, whose first row is its head, as wide as its cells are."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(f"{line.rstrip()}\n")


def moment(text: str) -> str:
    """For argparse: a date or a time, as the service takes it; without a zone it is of this place."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        why = "must be a date or a time, such as 2026-11-28 or 2026-11-28T14:30"
        raise argparse.ArgumentTypeError(f"{text}: {why}") from None


def shown_moment(text: str | None) -> str:
    """A time of the service in the time of this place, to the second; empty if there is none."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S") if text else ""


def shown_error(error: dict[str, Any] | None) -> str:
    """What an error of a record or a job says."""
    return str(error.get("detail") or error.get("code")) if error else ""


def number_of(text: str) -> int:
    """For argparse: the number of an analysis or a job."""
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text}: must be the number of one, as `list` prints it")


def may_ask(arguments: argparse.Namespace) -> bool:
    """Whether somebody can be asked, and wants to be."""
    return not arguments.yes and sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str) -> bool:
    """Whether the person at the terminal says yes."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def check_some(field: str, given: Sequence[object]) -> None:
    """Raise UsageError where nothing is named."""
    if not given:
        raise UsageError(field, "", "name at least one")
