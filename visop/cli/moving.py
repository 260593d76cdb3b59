"""What ``visop duplicates`` does with copies: it moves them into a folder, and back."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from visop.cli.console import FAILED, complain, note
from visop.errors import UsageError
from visop.sources import printable

if TYPE_CHECKING:
    from visop.search.duplicates import Group
    from visop.search.index import Index
    from visop.search.moving.copies import Choice, Moved


def add_moving_flags(parser: argparse.ArgumentParser) -> None:
    """Add where copies are moved to, and how they are moved back."""
    section = parser.add_argument_group("moving copies out of the way")
    folder = "move what is not kept into this folder, with a list that moves it back; ask first on a terminal"
    section.add_argument("--move-to", type=Path, metavar="FOLDER", help=folder)
    section.add_argument("--dry-run", action="store_true", help="print what would be moved, and move nothing")
    section.add_argument("--yes", action="store_true", help="do not ask")
    back = "move everything back that this list, from a folder of --move-to, says was moved; needs no index"
    section.add_argument("--undo", type=Path, metavar="LIST", help=back)


def check_moving_flags(arguments: argparse.Namespace) -> None:
    """Raise UsageError if flags do not go together."""
    is_printing = arguments.json or arguments.html
    if arguments.undo and (arguments.move_to or is_printing):
        raise UsageError("undo", arguments.undo, "stands alone: it moves back what was moved")
    if arguments.move_to and is_printing:
        raise UsageError(
            "move_to", arguments.move_to, "moves at once; without it, the groups are printed as JSON or a page"
        )
    if arguments.dry_run and not arguments.move_to:
        raise UsageError("dry_run", "", "says what would be moved; give the folder to move to")


def move_copies(arguments: argparse.Namespace, index: Index, groups: Sequence[Group]) -> int:
    """Move what is not kept, and take it out of the index; the exit status."""
    from visop.progress import progress_bar
    from visop.search.moving.copies import Choice, Mover, forget

    choices = [Choice.of(group) for group in groups]
    if not arguments.dry_run and not _agreed(arguments, choices):
        return complain("nothing was moved", FAILED)
    mover = Mover(arguments.move_to, dry_run=arguments.dry_run)
    try:
        with progress_bar(len(choices), unit=" groups", quiet=arguments.quiet) as bar:
            mover.move(choices, bar.update)
    finally:  # also of what was moved before Ctrl-C
        if not arguments.dry_run and mover.moved.files:
            forget(index.collection, mover.moved.files)
            _tell_list(mover.moved)
    return _report(arguments, mover.moved)


def move_back(arguments: argparse.Namespace) -> int:
    """Move back what a list says; the exit status."""
    from visop.search.moving.undo_list import move_back

    done = move_back(arguments.undo)
    for file, why in done.left:
        note(f"{printable(file.target)}: {why}; it stays there")
    sys.stdout.write(f"{_files(len(done.files))} moved back, {len(done.left)} left; `visop index` finds them again\n")
    return FAILED if done.left else 0


def _agreed(arguments: argparse.Namespace, choices: Sequence[Choice]) -> bool:
    count = sum(len(choice.move) for choice in choices)
    if arguments.yes or not count or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    what = f"{_files(count)} of {len(choices)} groups, edited copies among them"
    sys.stderr.write(f"Move {what}, to {printable(str(arguments.move_to))}? A list there moves them back. [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _report(arguments: argparse.Namespace, moved: Moved) -> int:
    if arguments.dry_run:
        sys.stdout.writelines(f"{printable(file.name)}\n" for file in moved.files)
    for file, why in moved.left:
        note(f"{printable(file.name)}: {why}; it stays there")
    verb = "would be moved" if arguments.dry_run else "moved"
    note(f"{_files(len(moved.files))} {verb} to {arguments.move_to}, {len(moved.left)} left")
    return FAILED if moved.left else 0


def _tell_list(moved: Moved) -> None:
    sys.stdout.write(f"{moved.list}\n")
    note("to move everything back: visop duplicates --undo with that list")


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
