"""What the service of analyses and its workers are told in the same words: database, broker, pictures, operators."""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from visop import address
from visop.cli.operator_flags import host_port

if TYPE_CHECKING:
    from visop.analyses.opening import OperatorChoice

DEFAULT_DATABASE = "visop-analyses.db"

# Variables, for addresses that have passwords in them, and for what containers are told.
DATABASE, PICTURES, BROKER = "VISOP_DATABASE", "VISOP_PICTURES_AT", "VISOP_BROKER"

#: Folders and addresses that jobs may read; the queue of the broker, where several services share one.
FOLDERS, QUEUE = "VISOP_FOLDERS", "VISOP_QUEUE"

#: Signs the calls of webhooks; has no flag, which everybody on the machine could read.
SECRET = "VISOP_WEBHOOK_SECRET"  # noqa: S105 - a name

_NAME = re.compile(r"[\w][\w.:-]{0,99}")
_CLASS = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")


def add_storage_flags(parser: argparse._ActionsContainer) -> None:
    """Add where records and pictures are kept."""
    database = (
        "where records are: FILE.db, or postgresql://USER:PASSWORD@HOST/NAME, better in the variable than here "
        f"[{DATABASE}; default: {DEFAULT_DATABASE}]"
    )
    parser.add_argument("--database", metavar="FILE_OR_URL", help=database)
    pictures = (
        "where pictures are kept: a folder, s3://BUCKET/FOLDER or gs://BUCKET/FOLDER, the same for the service and all "
        f"workers [{PICTURES}; default: beside a database that is a file]"
    )
    parser.add_argument("--pictures-at", dest="pictures_at", metavar="FOLDER_OR_URL", help=pictures)


def add_broker_flag(parser: argparse._ActionsContainer) -> None:
    """Add what tells workers of new work."""
    told = (
        "what tells workers of new work: amqp://USER:PASSWORD@HOST of RabbitMQ, or redis://HOST, better in the "
        f"variable than here [{BROKER}; default: none, this process alone does the work]"
    )
    parser.add_argument("--broker", metavar="URL", help=told)


def add_operator_flags(parser: argparse._ActionsContainer) -> None:
    """Add the operators, each with the name that records give it."""
    running = (
        "a running operator, and the name that records give it; repeat it for more (default: the shipped encoder in "
        "this process, as `embedded`)"
    )
    parser.add_argument(
        "-e", "--operator", dest="operators", action="append", default=[], type=_running, metavar="[NAME=]HOST:PORT",
        help=running,
    )  # fmt: skip
    here = "an operator in this process, and its name; repeat it for more"
    parser.add_argument(
        "--class", dest="classes", action="append", default=[], type=_class, metavar="[NAME=]module:Class", help=here
    )


def choices_of(arguments: argparse.Namespace) -> list[OperatorChoice]:
    """The operators that are wanted; none for the shipped encoder."""
    from visop.analyses.opening import OperatorChoice

    running = [OperatorChoice(name, target=target) for name, target in arguments.operators]
    return running + [OperatorChoice(name, path=path) for name, path in arguments.classes]


def age(text: str) -> timedelta:
    """For argparse: a time span, such as 30d, 12h or 90m."""
    found = re.fullmatch(r"(\d{1,6})([dhm])", text)
    if not found or not int(found[1]):
        raise argparse.ArgumentTypeError(f"{text}: must be a time span from 1m, such as 30d, 12h or 90m")
    return timedelta(**{{"d": "days", "h": "hours", "m": "minutes"}[found[2]]: int(found[1])})


def database_of(arguments: argparse.Namespace) -> str:
    """Where records are."""
    return arguments.database or os.environ.get(DATABASE) or DEFAULT_DATABASE


def pictures_of(arguments: argparse.Namespace) -> str:
    """Where pictures are kept; empty for beside the database."""
    return arguments.pictures_at or os.environ.get(PICTURES) or ""


def broker_of(arguments: argparse.Namespace) -> str:
    """The broker; empty if there is none."""
    return arguments.broker or os.environ.get(BROKER) or ""


def folders_of() -> list[str]:
    """The folders and addresses that jobs may read."""
    return [each.strip() for each in os.environ.get(FOLDERS, "").split(",") if each.strip()]


def queue_of() -> str:
    """The queue of the broker."""
    return os.environ.get(QUEUE) or "visop"


def _running(text: str) -> tuple[str, str]:
    """For argparse: the name and the address of a running operator."""
    name, _, target = text.rpartition("=")
    return _checked(name or _name_of(host_port(target))), host_port(target)


def _name_of(target: str) -> str:
    """What an operator is called that was given no name: its host, or all of its address where that has no name."""
    host = address.split(target)[0]
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return target
    return host


def _class(text: str) -> tuple[str, str]:
    """For argparse: the name and the path of a class."""
    name, _, path = text.rpartition("=")
    if not _CLASS.fullmatch(path):
        raise argparse.ArgumentTypeError(f"{text}: must be module:Class, or NAME=module:Class")
    return _checked(name or path.partition(":")[2]), path


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        why = "a name has letters, digits, and . : _ - after the first one, 100 at most"
        raise argparse.ArgumentTypeError(f"{name}: {why}")
    return name
