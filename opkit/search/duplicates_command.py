"""``opkit duplicates``: the command. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opkit.errors import SettingsError
from opkit.search.arguments import add_command, add_encoder_flags, add_index_flags, rate, settings_of, token

if TYPE_CHECKING:
    from opkit.search.duplicates import Group

_NOTES = """\
Two pictures are copies if the cosine of their vectors reaches the threshold that the encoder's card has for --fpr, or
--threshold. A copy of a copy is in the same group. The first picture of a group is the one with most pixels.
Nothing is encoded, and nothing is deleted.

examples:
  opkit duplicates --html duplicates.html
  opkit duplicates --threshold 0.95 --json | jq '.[].pictures[1:][].names[]'
"""


def add_parser(commands: Any) -> None:
    """Add ``duplicates`` to the commands of ``opkit``."""
    parser = add_command(commands, "duplicates", run, "list the groups of copies in an index", _NOTES)
    add_index_flags(parser)
    parser.add_argument("--threshold", type=_cosine, metavar="COSINE", help="default: the encoder's, for --fpr")
    parser.add_argument("--fpr", type=rate, default=1e-3, metavar="RATE", help="false-positive rate (default 1e-3)")
    parser.add_argument(
        "--calibration", type=Path, metavar="FILE", help="calibration.json of `opkit evaluate` (default: the encoder's)"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="for programs")
    output.add_argument("--html", type=Path, metavar="FILE", help="write a page with thumbnails")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_encoder_flags(parser)


def _cosine(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 2.0
    if not -1 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a cosine, such as 0.95")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Find and print the groups; the exit status."""
    groups, threshold = _find(arguments)
    if arguments.json:
        sys.stdout.write(json.dumps([dataclasses.asdict(group) for group in groups], indent=2) + "\n")
    elif arguments.html:
        from opkit.search.report import write_duplicates

        write_duplicates(arguments.html, arguments.index, groups, threshold, settings_of(arguments))
        sys.stdout.write(f"{len(groups)} groups in {arguments.html}\n")
    else:
        sys.stdout.write("\n".join(_words(group) for group in groups))
        sys.stderr.write(f"opkit: {len(groups)} groups of pictures with a cosine of {threshold:.4f} or more\n")
    return 0


def _find(arguments: argparse.Namespace) -> tuple[list[Group], float]:
    from tqdm import tqdm

    from opkit.search.calibration import copy_threshold
    from opkit.search.duplicates import find_duplicates
    from opkit.search.index import Index

    settings = settings_of(arguments)
    with Index.open(arguments.uri, arguments.index, settings=settings, token=token()) as index:
        collection = index.collection
        threshold: float | None = arguments.threshold
        if threshold is None:
            threshold = copy_threshold(collection.origin, settings, fpr=arguments.fpr, file=arguments.calibration)
        if threshold is None:
            raise SettingsError(
                f"no threshold is known for {collection.origin.fingerprint or collection.origin.operator}: give "
                "--threshold, such as 0.95, or --calibration with what `opkit evaluate` measured"
            )
        with tqdm(total=index.count(), unit=" pictures", disable=arguments.quiet or None) as bar:
            return find_duplicates(collection, threshold, bar.update), threshold


def _words(group: Group) -> str:
    names = [name for picture in group.pictures for name in picture.names]
    head = f"{len(names)} copies, cosine {group.loosest:.4f} to {group.closest:.4f}\n"
    return head + "".join(f"  {_printable(name)}\n" for name in names)


def _printable(name: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)
