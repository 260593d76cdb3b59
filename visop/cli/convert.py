"""``visop convert``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from visop.cli.console import imports
from visop.cli.flags import Commands, add_command
from visop.cli.settings_flags import add_settings, read_settings

_NOTES = """\
An encoder file holds a whole encoder: network, pooling, head, and for the VGG networks and the embedded encoder the
ranges of numbers that computing in eight bits (--precision int8) needs. They are measured here, once, on generated
pictures, so that every machine computes the same vectors. Weights of Keras and encoder files from before 0.2 have none.
Vectors stay what they are; the fingerprint is another one, and an index of an older encoder file goes on with the new.

examples:
  visop convert --model vgg16 --out vgg16.safetensors
  visop convert --weights old.safetensors --out new.safetensors
"""


def add_parser(commands: Commands) -> None:
    """Add ``convert`` to the commands of ``visop``."""
    parser = add_command(
        commands, "convert", _run, "write any weights as an encoder file, ready for eight bits", _NOTES
    )
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.safetensors", help="the encoder file to write")
    add_settings(parser.add_argument_group("the encoder"), ("model", "weights", "pooling", "data_dir"))


def _run(arguments: argparse.Namespace) -> int:
    with imports("to convert: pip install 'visop[cpu]'"):
        from visop.models.encoder_file import check_out
        from visop.models.selection import Selection
        from visop.training.convert import convert

    check_out(arguments.out)
    selection = Selection.of(read_settings(arguments).settings)
    converted = convert(selection, arguments.out)
    sys.stdout.write(f"{arguments.out}: {converted.fingerprint('f32')}\n")
    return 0
