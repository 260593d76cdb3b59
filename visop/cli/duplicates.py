"""``visop duplicates``: the groups of copies in an index. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import TYPE_CHECKING

from visop.cli.console import note
from visop.cli.flags import Commands, add_calibration, add_command, number
from visop.cli.index_flags import (
    add_index_flags,
    add_output_flags,
    open_index,
    settings_of,
    threshold_of,
)
from visop.cli.operator_flags import add_local_operator
from visop.errors import UsageError
from visop.sources import printable

if TYPE_CHECKING:
    from visop.search.duplicates import Group
    from visop.search.index import Index

_NOTES = """\
Two pictures are copies if the cosine of their vectors reaches --threshold, or else the threshold that the encoder's
card has for --fpr. A copy of a copy is in the same group, and the picture with most pixels comes first. Every picture
is compared with every other one, which takes minutes for 100,000. Nothing is encoded, and nothing is deleted.
The first picture of a group need not be the original: look at each group before you delete anything.

examples:
  visop duplicates --html duplicates.html
  visop duplicates --threshold 0.95 --json | jq -c '.[] | [.pictures[].names[]]'
"""


def add_parser(commands: Commands) -> None:
    """Add ``duplicates`` to the commands of ``visop``."""
    parser = add_command(commands, "duplicates", run, "list the groups of copies in an index", _NOTES)
    add_index_flags(parser)
    cosine = number(float, lambda value: -1 < value <= 1, "a cosine, such as 0.95")
    parser.add_argument(
        "--threshold",
        type=cosine,
        metavar="COSINE",
        help="from which cosine pictures are copies (default: the encoder's, for --fpr)",
    )
    add_calibration(parser)
    add_output_flags(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(operators=[])
    add_local_operator(parser)


def run(arguments: argparse.Namespace) -> int:
    """Find and print the groups; the exit status."""
    groups, threshold = _find(arguments)
    if arguments.json:
        sys.stdout.write(json.dumps([dataclasses.asdict(group) for group in groups], indent=2) + "\n")
    elif arguments.html:
        from visop.search.show.html import write_duplicates

        write_duplicates(arguments.html, arguments.name, groups, threshold, settings_of(arguments))
        sys.stdout.write(f"{len(groups)} groups in {arguments.html}\n")
    else:
        sys.stdout.write("\n".join(_words(group) for group in groups))
        note(f"{len(groups)} groups of pictures with a cosine of {threshold:.4f} or more")
    return 0


def _find(arguments: argparse.Namespace) -> tuple[list[Group], float]:
    with open_index(arguments) as index:
        operator = index.collection.operator
        threshold: float | None = arguments.threshold
        if threshold is None:
            threshold = threshold_of(arguments, index)
        if threshold is None:
            raise UsageError(
                "",
                operator.fingerprint or operator.name,
                "no threshold is known for this encoder; give --threshold, such as 0.95, or --calibration with what "
                "`visop evaluate` measured",
            )
        return _groups(index, threshold, quiet=arguments.quiet), threshold


def _groups(index: Index, threshold: float, *, quiet: bool) -> list[Group]:
    from visop.progress import progress_bar
    from visop.search.duplicates import find_duplicates

    with progress_bar(index.count(), quiet=quiet) as bar:
        return find_duplicates(index.collection, threshold, bar.update)


def _words(group: Group) -> str:
    names = [name for picture in group.pictures for name in picture.names]
    head = f"{len(names)} copies, cosine {group.loosest:.4f} to {group.closest:.4f}\n"
    return head + "".join(f"  {printable(name)}\n" for name in names)
