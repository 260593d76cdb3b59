"""``opkit generate``: a folder of pictures to train on that owe nothing to anyone."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from opkit.errors import OperatorError

_NOTES = """\
written:
  FOLDER/000000.jpg and so on: pictures of landscapes, rooms, creatures, leaves, cloth, pages..., none of them real

A seed always gives the same pictures. A run that was interrupted goes on when the same command is given again.

examples:
  opkit generate generated/ --count 25000
  opkit generate more/ --count 25000 --seed 25000     the next ones
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``generate`` to the commands."""
    parser = commands.add_parser(
        "generate",
        help="make pictures to train on, out of nothing but chance",
        description="Make pictures to train on, out of nothing but chance.",
        epilog=_NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the pictures go; made if missing")
    parser.add_argument("--count", required=True, type=_whole(1), metavar="N", help="how many pictures")
    parser.add_argument(
        "--size", type=_whole(32), default=256, metavar="PIXELS", help="longer side, 32 to 1024 (default 256)"
    )
    parser.add_argument("--seed", type=_whole(0), default=0, metavar="N", help="of the first picture (default 0)")
    parser.add_argument(
        "--processes", type=_whole(0), default=0, metavar="N", help="at once; 0 is one per core (default 0)"
    )
    parser.set_defaults(run=_run)


def _whole(least: int) -> Callable[[str], int]:
    """Reads a whole number that is not below the least."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text}: must be a whole number from {least}")
        return int(text)

    return read


def _run(arguments: argparse.Namespace) -> int:
    from concurrent.futures.process import BrokenProcessPool

    from opkit.pictures.generate import generate_folder

    try:
        generate_folder(arguments.folder, arguments.count, arguments.size, arguments.seed, arguments.processes)
    except OSError as error:
        raise OperatorError(f"{error.filename or arguments.folder}: {error.strerror}; what is done is kept") from None
    except BrokenProcessPool:
        raise OperatorError("a process was killed, maybe for want of memory; what is done is kept") from None
    print(f"{arguments.count} pictures in {arguments.folder}")
    return 0
