"""``visop duplicates``: the groups of copies in an index. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
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
from visop.cli.moving import add_moving_flags, check_moving_flags, move_back, move_copies
from visop.cli.operator_flags import add_local_operator
from visop.errors import UsageError
from visop.sources import printable

if TYPE_CHECKING:
    from visop.search.duplicates import FewFalsePairs, Group
    from visop.search.index import Index

# As ``search.duplicates.FALSE_PAIRS``, which is not imported for the help.
_FALSE_PAIRS = 0.1

_NOTES = """\
Every picture is compared with every other one, which takes minutes for 100,000. Two are copies if they are more alike
than any two different pictures of this index are expected to be: --false-pairs is how many pairs of different pictures
may be expected among all that are compared, and each picture has a threshold of its own, from how alike the others are
to it. With fewer than 500 pictures the calibration of the encoder takes their place. Every member of a group is itself
like the picture in its middle, so that one picture between two groups does not join them. The most certain groups come
first. Pictures that were taken right after each other can be as alike as copies are. Pictures with nearly nothing on
them, such as blank pages, are all alike and left out; files with the same bytes are listed even so.

In each group `keep` is the one that is the original as far as the files say, with the reason in brackets: as the camera
wrote it, the most pixels (more than twice as many), most like the others, the least compressed, the most metadata, the
oldest. `same` is byte for byte the file above it, and the only kind that can be deleted without a look. The number
behind is the mean cosine with the others. Nothing is encoded, and nothing is deleted.

--html writes a page on which you look at the groups, choose what is kept of each, and write a script that moves the
rest into a folder. --move-to moves it at once: whatever is not `keep`, edited copies too, so look first. It never
replaces a file, leaves a group alone if what is kept of it cannot be read any more, and takes what it moved out of the
index. A list in the folder says where everything was; --undo LIST moves it back, and indexing finds it again.

examples:
  visop duplicates --html duplicates.html
  visop duplicates --false-pairs 0.001                       only what is certain
  visop duplicates --threshold 0.95                          one threshold for all
  visop duplicates --move-to ~/copies --dry-run              which files would be moved
  visop duplicates --move-to ~/copies
  visop duplicates --undo ~/copies/moved-20261128-101500.jsonl
  visop duplicates --json | jq -r '.[].pictures[].names[1:][]'     files of which another name has every byte
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
        help="from which cosine on any two pictures are copies (default: chosen for --false-pairs)",
    )
    positive = number(float, lambda value: 0 < value <= 1000, "a number above 0, such as 0.1")
    parser.add_argument(
        "--false-pairs",
        type=positive,
        metavar="N",
        help=f"how many pairs of different pictures may be expected to pass for copies (default {_FALSE_PAIRS})",
    )
    add_calibration(parser)
    rate = next(action for action in parser._actions if action.dest == "fpr")
    rate.default, rate.help = (
        None,
        "take the encoder's threshold for this false-positive rate per pair, for all pictures",
    )
    add_output_flags(parser)
    add_moving_flags(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(operators=[])
    add_local_operator(parser)


def run(arguments: argparse.Namespace) -> int:
    """Find and print the groups, or move what is not kept of them; the exit status."""
    check_moving_flags(arguments)
    if arguments.undo:
        return move_back(arguments)
    with open_index(arguments) as index:
        groups, rule = _find(arguments, index)
        if arguments.move_to:
            return move_copies(arguments, index, groups)
    return _print(arguments, groups, rule)


def _print(arguments: argparse.Namespace, groups: Sequence[Group], rule: str) -> int:
    if arguments.json:
        sys.stdout.write(json.dumps([dataclasses.asdict(group) for group in groups], indent=2) + "\n")
    elif arguments.html:
        _write_page(arguments, groups, rule)
        sys.stdout.write(f"{len(groups)} groups in {arguments.html}\n")
    else:
        sys.stdout.write("\n".join(_words(group) for group in groups))
        note(f"{len(groups)} groups of copies: {rule}")
    return 0


def _write_page(arguments: argparse.Namespace, groups: Sequence[Group], rule: str) -> None:
    from visop.progress import progress_bar
    from visop.search.show.groups_page import write_groups

    pictures = sum(len(group.pictures) for group in groups)
    with progress_bar(pictures, quiet=arguments.quiet) as bar:
        write_groups(arguments.html, arguments.name, groups, rule, settings_of(arguments), bar.update)


def _find(arguments: argparse.Namespace, index: Index) -> tuple[list[Group], str]:
    from visop.progress import progress_bar
    from visop.search.duplicates import find_duplicates, rule_of, with_originals
    from visop.search.emptiness import Emptiness
    from visop.search.empty_groups import left_out_words, without_empty

    threshold = _threshold(arguments, index)
    rule = rule_of(threshold, index.count())
    settings = settings_of(arguments)
    with progress_bar(index.count(), quiet=arguments.quiet) as bar:
        groups = find_duplicates(index.collection, threshold, bar.update)
    with progress_bar(len(groups), quiet=arguments.quiet) as bar:
        groups, left_out = without_empty(groups, Emptiness(settings), bar.update)
    if left_out:
        rule = f"{rule}; {left_out_words(left_out)}"
        if arguments.json or arguments.move_to:  # the others tell the rule
            note(left_out_words(left_out))
    return with_originals(groups, settings), rule


def _threshold(arguments: argparse.Namespace, index: Index) -> float | FewFalsePairs:
    """What a pair has to reach.

    Raises:
        UsageError: two of the flags exclude each other, or there is no such threshold.
    """
    from visop.search.calibration import tail_of
    from visop.search.duplicates import FewFalsePairs

    given = [name for name in ("threshold", "false_pairs", "fpr") if getattr(arguments, name) is not None]
    if len(given) > 1:
        raise UsageError(given[1], getattr(arguments, given[1]), "is another way to choose the threshold; give one")
    if arguments.threshold is None and arguments.fpr is not None:
        arguments.threshold = threshold_of(arguments, index)
        if arguments.threshold is None:
            raise UsageError("fpr", arguments.fpr, "no calibration of this encoder is known; give a threshold")
    if arguments.threshold is not None:
        return float(arguments.threshold)
    expected = _FALSE_PAIRS if arguments.false_pairs is None else arguments.false_pairs
    tail = tail_of(index.collection.operator, settings_of(arguments), arguments.calibration)
    return FewFalsePairs(expected, tail)


def _words(group: Group) -> str:
    count = sum(len(picture.names) for picture in group.pictures)
    lines = [f"{count} pictures, cosine {group.loosest:.4f} to {group.closest:.4f}"]
    for place, picture in enumerate(group.pictures):
        size = f"{picture.width}x{picture.height}" if picture.width else "-"
        why = f"  ({group.why})" if group.why and not place else ""
        role = "copy" if place else "keep"
        facts = f"{group.likeness[place]:.4f}  {size:>11}  {picture.bytes:>12,} bytes"
        lines.append(f"  {role}  {facts}  {printable(picture.names[0])}{why}")
        lines += [f"  same  {'':{len(facts)}}  {printable(name)}" for name in picture.names[1:]]
    return "\n".join(lines) + "\n"
