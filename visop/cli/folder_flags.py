"""The flags that say which pictures are taken from folders and lists, and the line that says which were not."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING

from visop.cli.console import note
from visop.errors import UsageError
from visop.sources import FindOptions

if TYPE_CHECKING:
    from visop.sources import PassedOver

#: For the notes of a command.
FOLDER_NOTES = """\
Pictures in folders are found by what they are, whatever they are called. Hidden files and folders, thumbnails, waste
baskets and snapshots are left out (@eaDir, .thumbnails, #recycle, $RECYCLE.BIN, .Trash-1000, ._* and the like).
--exclude adds patterns as in a .gitignore, and takes one of those again with `!` before it. What is named itself is
always taken."""


def add_folder_flags(parser: argparse._ActionsContainer, *, lists: bool = True) -> None:
    """Add what says which pictures are taken.

    Args:
        parser: of the command, or a group of it.
        lists: whether it also takes lists.
    """
    parser.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out of folders what is called that, such as '*.gif', drafts/ or raw/2019; repeat it for more",
    )
    parser.add_argument(
        "--no-default-excludes",
        dest="default_excludes",
        action="store_false",
        help="take also what is hidden, thumbnails, waste baskets",
    )
    parser.add_argument("--follow-links", action="store_true", help="look through links to folders, too")
    if lists:
        parser.add_argument(
            "--column", default="", metavar="NAME", help="the column of a table that names pictures (default: found)"
        )


def find_options(arguments: argparse.Namespace) -> FindOptions:
    """How inputs are looked for, as the flags say."""
    return FindOptions(
        exclude=tuple(arguments.exclude),
        default_excludes=arguments.default_excludes,
        follow_links=arguments.follow_links,
        column=getattr(arguments, "column", ""),
    )


def refuse_folder_flags(arguments: argparse.Namespace, of: str) -> None:
    """Refuse what says which pictures of a folder are taken, where annotations name them.

    Args:
        arguments: of the command.
        of: what the flags are not for.

    Raises:
        UsageError: one was given.
    """
    options, defaults = find_options(arguments), FindOptions()
    for each in dataclasses.fields(FindOptions):
        if getattr(options, each.name) != getattr(defaults, each.name):
            raise UsageError(each.name, "", f"is not for {of}: the annotations name the pictures")


def tell_passed(passed: PassedOver, *, quiet: bool = False) -> None:
    """Say in one line what folders hold and was not taken, if there is anything, and what takes it."""
    flags = ["--no-default-excludes"] * bool(passed.excluded) + ["--follow-links"] * bool(passed.links)
    if str(passed) and not quiet:
        note(f"passed over: {passed}" + (f"; taken with {' and '.join(flags)}" if flags else ""))
