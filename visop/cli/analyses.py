"""``visop analyses``: the service that keeps results, and its records."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from visop.cli.analyses_serve import add_serve
from visop.cli.analyses_upkeep import add_migrate, add_prune
from visop.cli.console import FAILED, complain, note
from visop.cli.flags import Commands, add_command, whole
from visop.cli.service_flags import (
    EXIT_STATUS,
    add_group,
    add_json_flag,
    add_service_flag,
    agreed,
    may_ask,
    moment,
    number_of,
    open_service,
    print_json,
    print_rows,
    shown_error,
    shown_moment,
)
from visop.errors import NotFound, UsageError
from visop.sources import printable

STATES = ("queued", "running", "done", "failed", "cancelled")

_NOTES = """\
A service takes pictures over HTTP, has them analysed by one or more operators, and keeps the results in a database
until they are deleted. `serve` starts it; `list`, `show` and `delete` ask one that runs, by --service or VISOP_SERVICE.
`visop jobs` has many pictures analysed; `visop worker` adds processes that do the work. docs/how-to/analyses.md teaches
all of it.

examples:
  visop analyses serve                                start it, then open http://127.0.0.1:8080/page
  curl -F image=@cat.jpg 127.0.0.1:8080/analyses      analyse a picture
  visop analyses list --state failed                  what failed, and why
  visop analyses show 12                              one record
  visop analyses delete 12
"""

_LIST_NOTES = f"""\
{EXIT_STATUS}
examples:
  visop analyses list                                     the newest 20
  visop analyses list --label dog --after 2026-11-01      where a dog was found, since November
  visop analyses list --job 3 --state failed --limit 1000 --json | jq -r '.[].error.detail'
"""

_SHOW_NOTES = f"""\
{EXIT_STATUS}
examples:
  visop analyses show 12
  visop analyses show 12 --json | jq '.results[].detections'
  visop analyses show 12 --overlay boxes.jpg              its picture, with the boxes drawn onto it
"""

_DELETE_NOTES = f"""\
The file of a picture goes with its last record. On a terminal you are asked first.

{EXIT_STATUS}
examples:
  visop analyses delete 12 13
  visop analyses delete 12 --yes                          without being asked, as in a script
"""


def add_parser(commands: Commands) -> None:
    """Add ``analyses`` and its actions to the commands of ``visop``."""
    actions = add_group(commands, "analyses", "keep what operators find in pictures, and look at it", _NOTES)
    add_serve(actions)
    _add_list(actions)
    _add_show(actions)
    _add_delete(actions)
    add_prune(actions)
    add_migrate(actions)


def _add_list(actions: Commands) -> None:
    parser = add_command(actions, "list", list_them, "list analyses, the newest first", _LIST_NOTES)
    parser.add_argument("--state", choices=STATES, help="only those in this state")
    parser.add_argument("--operator", metavar="NAME", help="only those by this operator")
    parser.add_argument("--label", metavar="LABEL", help="only those in which this was found")
    parser.add_argument("--job", type=number_of, metavar="ID", help="only those of this job")
    parser.add_argument(
        "--after", type=moment, metavar="TIME", help="only those that were created at or after this time"
    )
    parser.add_argument("--before", type=moment, metavar="TIME", help="only those that were created before this time")
    parser.add_argument("--limit", type=whole(1), default=20, metavar="N", help="at most so many (default 20)")
    add_json_flag(parser)
    add_service_flag(parser)


def _add_show(actions: Commands) -> None:
    parser = add_command(actions, "show", show, "show one analysis: its picture, its results, its error", _SHOW_NOTES)
    parser.add_argument("id", type=number_of, metavar="ID", help="its number, as `list` prints it")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write its picture there, as it was uploaded")
    parser.add_argument(
        "--overlay", type=Path, metavar="FILE", help="write its picture there, with the boxes drawn onto it"
    )
    add_json_flag(parser)
    add_service_flag(parser)


def _add_delete(actions: Commands) -> None:
    parser = add_command(actions, "delete", delete, "delete analyses, with their results and pictures", _DELETE_NOTES)
    parser.add_argument("ids", nargs="+", type=number_of, metavar="ID", help="their numbers, as `list` prints them")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_service_flag(parser)


def list_them(arguments: argparse.Namespace) -> int:
    """Print the analyses that fit; the exit status."""
    query = {name: getattr(arguments, name) for name in ("state", "operator", "label", "job")}
    query |= {"created_after": arguments.after, "created_before": arguments.before}
    with open_service(arguments) as service:
        found = list(service.list("analyses", "analyses", arguments.limit, limit=min(arguments.limit, 100), **query))
    if arguments.json:
        print_json(found)
    elif found:
        head = ("id", "created", "state", "picture", "what was found")
        print_rows([head, *map(_row, found)])
    else:
        note("no analysis fits")
    return 0


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    told = shown_error(record.get("error")) or ", ".join(_found(record))
    return (str(record["id"]), shown_moment(record["created"]), record["state"], _name(record), told)


def _name(record: dict[str, Any]) -> str:
    return str(record.get("name") or record.get("source") or "")


def _found(record: dict[str, Any]) -> Iterator[str]:
    """What each operator answered, in a few words."""
    for result in record.get("results") or ():
        yield f"{result['operator']}: {_answer(result)}"


def _answer(result: dict[str, Any]) -> str:
    if result.get("error"):
        return shown_error(result["error"])
    if (parts := result.get("detections")) is not None:
        return ", ".join(f"{part['label'] or 'part'} {part['score']:.2f}" for part in parts) or "nothing found"
    names = list(result.get("descriptors") or ())
    return f"descriptors {', '.join(names)}" if names else "a vector"


def show(arguments: argparse.Namespace) -> int:
    """Print one analysis, and write its picture where that is wanted; the exit status."""
    with open_service(arguments) as service:
        record = service.get(f"analyses/{arguments.id}")
        for kind in ("picture", "overlay"):
            if file := getattr(arguments, kind):
                _write(file, service.stream(f"analyses/{arguments.id}/{kind}", "image/*"), kind)
    if arguments.json:
        print_json(record)
    else:
        print_rows([(name, value) for name, value in _facts(record) if value])
    return FAILED if record["state"] == "failed" else 0


def _facts(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    picture = record.get("picture") or {}
    yield "id", str(record["id"])
    yield "state", record["state"]
    yield "error", shown_error(record.get("error"))
    yield "source", _name(record)
    yield "picture", f"{picture['width']}x{picture['height']}, {picture['size']} bytes" if picture.get("width") else ""
    yield "digest", str(picture.get("digest", ""))
    yield "job", str(record.get("job") or "")
    for name in ("created", "started", "finished"):
        yield name, shown_moment(record.get(name))
    for result in record.get("results") or ():
        yield result["operator"], _answer(result)


def _write(file: Path, parts: Iterator[bytes], field: str) -> None:
    from visop.files import whole_file

    try:
        with whole_file(file) as out:
            out.writelines(parts)
    except OSError as error:
        raise UsageError(field, file, f"cannot be written: {error.strerror}") from None


def delete(arguments: argparse.Namespace) -> int:
    """Delete analyses, and say which are not there; the exit status."""
    counted = f"{len(arguments.ids)} analys{'i' if len(arguments.ids) == 1 else 'e'}s"
    if may_ask(arguments) and not agreed(f"Delete {counted}, with results and pictures?"):
        return complain("nothing was deleted", FAILED)
    missing = []
    with open_service(arguments) as service:
        for each in arguments.ids:
            try:
                service.call("DELETE", f"analyses/{each}")
            except NotFound as error:
                missing.append(f"{each}: {error}")
    for told in missing:
        note(printable(told))
    sys.stdout.write(f"{len(arguments.ids) - len(missing)} deleted\n")
    return FAILED if missing else 0
