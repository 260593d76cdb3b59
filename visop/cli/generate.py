"""``visop generate``: a folder of pictures to train on that owe nothing to anyone."""

from __future__ import annotations

import argparse
from pathlib import Path

from visop.cli.console import imports, resumable
from visop.cli.flags import Commands, add_command, whole
from visop.errors import VisopError

_NOTES = """\
written:
  FOLDER/000000.jpg and so on: pictures of landscapes, rooms, creatures, leaves, cloth, pages..., none of them real

A seed always gives the same pictures. A run that was interrupted goes on when the same command is given again.

examples:
  visop generate generated/ --count 25000
  visop generate more/ --count 25000 --seed 25000     the next ones
"""


def add_parser(commands: Commands) -> None:
    """Add ``generate`` to the commands of ``visop``."""
    parser = add_command(commands, "generate", _run, "make pictures to train on, out of nothing but chance", _NOTES)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the pictures go; made if missing")
    parser.add_argument("--count", required=True, type=whole(1), metavar="N", help="how many pictures")
    parser.add_argument(
        "--size", type=whole(32), default=256, metavar="PIXELS", help="longer side, 32 to 1024 (default 256)"
    )
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of the first picture (default 0)")
    parser.add_argument(
        "--processes", type=whole(0), default=0, metavar="N", help="at once; 0 is one per core (default 0)"
    )


def _run(arguments: argparse.Namespace) -> int:
    return resumable(lambda: _generate(arguments))


def _generate(arguments: argparse.Namespace) -> int:
    from concurrent.futures.process import BrokenProcessPool

    with imports("to generate pictures: pip install 'visop[tools]'"):
        from visop.synthetic.generate import generate_folder

    try:
        generate_folder(arguments.folder, arguments.count, arguments.size, arguments.seed, arguments.processes)
    except BrokenProcessPool:
        raise VisopError("a process was killed, maybe for want of memory") from None
    print(f"{arguments.count} pictures in {arguments.folder}")
    return 0
