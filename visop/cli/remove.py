"""``visop remove``: take pictures out of an index. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from visop.cli.console import FAILED, complain, note
from visop.cli.flags import Commands, add_command
from visop.cli.index_flags import add_index_flags, open_index
from visop.sources import printable

if TYPE_CHECKING:
    from visop.search.index import Index
    from visop.search.removal import Removed

# As many go without being asked about.
_HANDFUL = 5

_NOTES = """\
No file of yours is touched, here or elsewhere: only the index forgets, and deletes the copy if it keeps one. A picture
whose file is still in a folder comes back when that folder is indexed again; move the file, too, or give `visop index
--prune` a folder that it has left.

A name is a path or a URL as `visop search` prints it; the file need not be there any more. A folder stands for every
picture below it. A content that is known under other names as well keeps those, and stays. By --id or --filter, it goes
with all its names. It works while `visop run` or other commands use the same index. A filter is an expression of Milvus
over width, height, bytes, modified and added (seconds since 1970), and names, as for `visop search`.

exit status:
  0 all removed    1 something that was named is not in the index    2 wrong usage    130 Ctrl-C

examples:
  visop remove holiday/cat.jpg https://example.org/cat.jpg
  visop remove /mnt/old-disk/ --dry-run                         what is in the index of a disk that is gone
  visop remove --filter 'width < 200 and height < 200' --yes    without being asked, as in a script
  visop remove --id 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""


def add_parser(commands: Commands) -> None:
    """Add ``remove`` to the commands of ``visop``."""
    parser = add_command(commands, "remove", run, "take pictures out of an index, and leave their files alone", _NOTES)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a picture, by its path or URL, or a folder")
    add_index_flags(parser)
    sha = "a content by its SHA-256, with all its names; repeat it for more"
    parser.add_argument("--id", dest="ids", action="append", default=[], metavar="SHA256", help=sha)
    condition = "every picture that matches, such as 'width < 200'"
    parser.add_argument("--filter", default="", metavar="EXPR", help=condition)
    parser.add_argument("--dry-run", action="store_true", help="print what would be removed, and change nothing")
    asked = f"do not ask; on a terminal, more than {_HANDFUL} pictures are asked about"
    parser.add_argument("--yes", action="store_true", help=asked)
    parser.add_argument("--quiet", action="store_true", help="no summary")
    parser.set_defaults(operators=[])


def run(arguments: argparse.Namespace) -> int:
    """Remove, and say what; the exit status."""
    meant: dict[str, Any] = {"names": arguments.names, "folders": arguments.names}
    meant |= {"ids": arguments.ids, "filter": arguments.filter}
    with open_index(arguments) as index:
        removed = index.remove(**meant, dry_run=True) if arguments.dry_run or _may_ask(arguments) else None
        if arguments.dry_run and removed:
            sys.stdout.writelines(f"{printable(name)}\n" for name in _names(removed))
            copies = f" and delete {_copies(removed)}" if removed.originals else ""
            note(f"would remove {_counted(removed)}{copies}; nothing was changed")
        elif removed and not _agreed(removed):
            return complain("nothing was removed", FAILED)
        else:
            removed = index.remove(**meant)
            _report(arguments, index, removed)
    return _status(removed)


def _may_ask(arguments: argparse.Namespace) -> bool:
    return not arguments.yes and sys.stdin.isatty() and sys.stderr.isatty()


def _agreed(removed: Removed) -> bool:
    """Whether the person at the terminal agrees; a handful needs no question."""
    names = _names(removed)
    if len(names) <= _HANDFUL:
        return True
    shown = [f"  {printable(name)}\n" for name in names[:_HANDFUL]]
    sys.stderr.write("".join([*shown, f"  ... and {len(names) - _HANDFUL} more\n"]))
    sys.stderr.write(f"Remove {_counted(removed)} from the index? Their files stay. [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _report(arguments: argparse.Namespace, index: Index, removed: Removed) -> None:
    from visop.search.place import shown_uri

    if not arguments.quiet:
        where = f"{shown_uri(arguments.uri)}, index {arguments.name}"
        sys.stdout.write(f"{where}: {_counted(removed)} removed, {index.count()} left; {_files(removed)}\n")


def _files(removed: Removed) -> str:
    """What happened to files."""
    if not removed.originals:
        return "no file was touched"
    return f"{_copies(removed)} deleted, no other file was touched"


def _copies(removed: Removed) -> str:
    return f"{removed.originals} kept original{'' if removed.originals == 1 else 's'}"


def _status(removed: Removed) -> int:
    for each in removed.missing:
        note(f"{printable(each)}: not in the index")
    return FAILED if removed.missing else 0


def _names(removed: Removed) -> list[str]:
    return sorted([*(name for picture in removed.pictures for name in picture.names), *removed.names])


def _counted(removed: Removed) -> str:
    """``3 pictures``, or also with the names of pictures that stay."""
    count, names = len(removed.pictures), len(removed.names)
    text = f"{count} picture{'' if count == 1 else 's'}"
    more = f"{names} other name{'' if names == 1 else 's'} of pictures that stay"
    return f"{text} and {more}" if names else text
