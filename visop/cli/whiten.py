"""``visop whiten``: learn PCA whitening from pictures. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from visop.cli.console import imports, note
from visop.cli.flags import Commands, add_command, whole
from visop.cli.folder_flags import add_folder_flags, find_options, tell_passed
from visop.cli.settings_flags import ENCODER_SETTINGS, add_settings, read_settings
from visop.errors import UsageError

if TYPE_CHECKING:
    from visop.models.selection import Selection
    from visop.settings import Settings
    from visop.training.whiten import Learning

# Whitening is always learned in full precision.
_SETTINGS = [name for name in ENCODER_SETTINGS if name != "precision"]

_PICTURES_PER_DIMENSION = 10

_NOTES = """\
The vectors of a network all point in nearly the same direction, and a few strong patterns hide the rest. Whitening
learns from pictures, without labels, how to correct that. It costs nothing when serving, and it allows shorter vectors.
Take pictures like those that will be searched, at least ten times as many as dimensions; 100,000 need no more memory
than 1,000. The file is an encoder with a fingerprint of its own: vectors with and without whitening cannot be compared,
so encode everything again.

examples:
  visop whiten pictures/ --out whitened.safetensors --model vgg16 --pooling rmac --dimension 128
  visop serve --weights whitened.safetensors
"""


def add_parser(commands: Commands) -> None:
    """Add ``whiten`` to the commands of ``visop``."""
    summary = "learn PCA whitening from a folder of pictures, and write an encoder file with it"
    parser = add_command(commands, "whiten", _run, summary, _NOTES)
    parser.add_argument("folder", metavar="FOLDER", help="pictures, also in folders below")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.safetensors", help="the encoder file to write")
    parser.add_argument(
        "--dimension", type=whole(1), metavar="D", help="keep this many dimensions (default: all in which they vary)"
    )
    add_folder_flags(parser, lists=False)
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no summary")
    add_settings(parser.add_argument_group("the encoder to whiten"), _SETTINGS)


def _run(arguments: argparse.Namespace) -> int:
    with imports("to whiten: pip install 'visop[cpu]'"):
        from visop.serving.named_class import BUILT_IN
        from visop.sources import find_inputs
        from visop.training.whiten import check_request, find_base, write_whitened

    if not os.path.isdir(arguments.folder):
        raise UsageError("folder", arguments.folder, "no such folder")
    settings = replace(read_settings(arguments).settings, operator=BUILT_IN, precision="f32")
    base, found = find_base(settings), find_inputs([arguments.folder], find_options(arguments))
    tell_passed(found.passed, quiet=arguments.quiet)
    names = found.names
    check_request(arguments.out, arguments.dimension, len(names), base)
    learning = _learn(base, settings, names, quiet=arguments.quiet)
    _warn_of_few(learning.moments.count, arguments.dimension or base.spec.dimension)
    whitening = write_whitened(arguments.out, base, learning, arguments.dimension)
    if not arguments.quiet:
        before, after = whitening.kernel.shape
        sys.stdout.write(
            f"{arguments.out}: {base.fingerprint('f32')} whitened, from {before} to {after} dimensions, which hold "
            f"{whitening.kept:.1%} of the variance of {learning.moments.count} pictures\n"
        )
    return 0


def _warn_of_few(pictures: int, dimension: int) -> None:
    """Estimates of small variances are poor, and whitening divides by them."""
    if pictures < _PICTURES_PER_DIMENSION * dimension:
        note(
            f"{pictures:,} pictures are few for {dimension} dimensions: the whitening fits them and perhaps no others; "
            f"give {_PICTURES_PER_DIMENSION * dimension:,} or more, or a smaller --dimension"
        )


def _learn(base: Selection, settings: Settings, names: list[str], *, quiet: bool) -> Learning:
    from visop.progress import progress_bar
    from visop.training.whiten import learn_moments

    with progress_bar(len(names), quiet=quiet) as bar:
        learning = learn_moments(base, settings, names, bar.update)
    for name, error in learning.failed.items():
        note(f"left out: {name}: {error}")
    return learning
