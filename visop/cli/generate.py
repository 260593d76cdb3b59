"""``visop generate``: a folder of synthetic pictures to train on, with or without annotations."""

from __future__ import annotations

import argparse
from pathlib import Path

from visop.cli.console import imports, resumable
from visop.cli.flags import Commands, add_command, number, whole
from visop.cli.old_spellings import add_old_spelling
from visop.errors import VisopError

_NOTES = """\
files written:
  FOLDER/000000.jpg and so on: landscapes, rooms, creatures, leaves, cloth, pages, ..., all of them drawn by chance

Every eight pictures in a row are a series. In half of the series the pictures look alike, as those of one afternoon do,
so that an encoder learns to tell apart what is alike; --count 24 gives three series.

With --scenes, the pictures are scenes of balls, crosses, rings, stars and triangles, some of which hide parts of
others. Their boxes are written down: data to train a detector on, and to measure one with.
  --scenes voc        FOLDER/JPEGImages/*.jpg and FOLDER/Annotations/*.xml
  --scenes coco       FOLDER/images/*.jpg and FOLDER/annotations/instances.json

The same seed always gives the same pictures. If a run is interrupted, the same command continues where it stopped.

examples:
  visop generate --out generated/ --count 25000
  visop generate --out more/ --count 25000 --seed 25000     the next 25000
  visop generate --out scenes/ --count 2000 --scenes voc    to train a detector on
"""


def add_parser(commands: Commands) -> None:
    """Add ``generate`` to the commands of ``visop``."""
    parser = add_command(commands, "generate", _run, "draw synthetic pictures to train on", _NOTES)
    out = parser.add_argument(
        "--out",
        dest="folder",
        required=True,
        type=Path,
        metavar="FOLDER",
        help="where the pictures go; made if it is not there",
    )
    add_old_spelling(parser, "folder", out)
    parser.add_argument("--count", required=True, type=whole(1), metavar="N", help="how many pictures")
    parser.add_argument(
        "--size", type=_size, default=256, metavar="PIXELS", help="the longer side, 32 to 1024 (default 256)"
    )
    parser.add_argument(
        "--seed",
        type=whole(0),
        default=0,
        metavar="N",
        help="seed of the first picture; each next one has the next seed (default 0)",
    )
    parser.add_argument(
        "--scenes",
        choices=("voc", "coco"),
        help="draw scenes of objects, with annotations in the form of Pascal VOC or of COCO",
    )
    parser.add_argument(
        "--processes",
        type=whole(0),
        default=0,
        metavar="N",
        help="how many draw at once; 0 is one per core (default 0)",
    )


_size = number(int, lambda pixels: 32 <= pixels <= 1024, "a whole number from 32 to 1024")


def _run(arguments: argparse.Namespace) -> int:
    return resumable(lambda: _generate(arguments))


def _generate(arguments: argparse.Namespace) -> int:
    from concurrent.futures.process import BrokenProcessPool

    with imports("to generate pictures: pip install 'visop[tools]'"):
        from visop.synthetic.generate import generate_folder
        from visop.synthetic.scene_folder import generate_scenes

    how = (arguments.folder, arguments.count, arguments.size, arguments.seed, arguments.processes)
    try:
        generate_scenes(*how, arguments.scenes) if arguments.scenes else generate_folder(*how)
    except BrokenProcessPool:
        raise VisopError("a process was killed, maybe for want of memory") from None
    print(f"{arguments.count} pictures in {arguments.folder}")
    return 0
