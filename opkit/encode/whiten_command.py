"""The command ``opkit whiten``. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from opkit.errors import SettingsError
from opkit.settings import Settings, env_name, flag_name, load_settings

if TYPE_CHECKING:
    from opkit.encode.whiten import Base, Learning

_SETTINGS = ("model", "weights", "pooling", "resize", "device", "threads", "data_dir", "cache_dir")

_NOTES = """\
Descriptors of a network all point into nearly the same direction, and a few strong patterns drown the rest. Whitening
learns from pictures, without labels, how to put that right: it costs nothing when serving, and allows shorter vectors.
Take pictures like those that will be searched, ten times as many as dimensions or more; 100,000 need no more memory
than 1,000. The file is an encoder of its own, with a fingerprint of its own: vectors with and without whitening do not
fit together, so encode everything again.

examples:
  opkit whiten photos/ --out whitened.safetensors --model vgg16 --pooling rmac --dimension 128
  opkit serve --weights whitened.safetensors
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of ``opkit``."""
    parser = commands.add_parser(
        "whiten",
        help="learn PCA whitening from a folder of pictures and write an encoder file that has it",
        description="Learn PCA whitening from a folder of pictures and write an encoder file that has it.",
        epilog=_NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="FOLDER", help="the pictures in it and in all folders below")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.safetensors", help="the encoder file to write")
    parser.add_argument(
        "--dimension", type=_positive, metavar="D", help="keep this many dimensions (default: all in which they vary)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no summary")
    _add_settings(parser)
    parser.set_defaults(run=_run)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number from 1")
    return int(text)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the encoder to whiten")
    fields = {each.name: each for each in dataclasses.fields(Settings)}
    for name in _SETTINGS:
        text = f"{fields[name].metadata['help']} [{env_name(name)}; default: {fields[name].default}]"
        group.add_argument(flag_name(name), dest=f"setting_{name}", metavar="VALUE", help=text.replace("%", "%%"))


def _settings(arguments: argparse.Namespace) -> Settings:
    given = {name: getattr(arguments, f"setting_{name}") for name in _SETTINGS}
    return load_settings(os.environ, {name: text for name, text in given.items() if text is not None}).settings


def _run(arguments: argparse.Namespace) -> int:
    from opkit.encode.inputs import find_inputs
    from opkit.encode.whiten import check_request, find_base, write_whitened

    if not os.path.isdir(arguments.folder):
        raise SettingsError(f"{arguments.folder}: no such folder")
    base, names = find_base(_settings(arguments)), find_inputs([arguments.folder])
    check_request(arguments.out, arguments.dimension, len(names), base)
    learning = _learn(base, names, quiet=arguments.quiet)
    whitening = write_whitened(arguments.out, base, learning, arguments.dimension)
    if not arguments.quiet:
        before, after = whitening.kernel.shape
        sys.stdout.write(
            f"{arguments.out}: {base.fingerprint} whitened, from {before} to {after} dimensions, which hold "
            f"{whitening.kept:.1%} of the variance of {learning.moments.count} pictures\n"
        )
    return 0


def _learn(base: Base, names: list[str], *, quiet: bool) -> Learning:
    from tqdm import tqdm

    from opkit.encode.whiten import learn_moments

    with tqdm(total=len(names), unit=" images", disable=quiet or None) as bar:
        learning = learn_moments(base, names, bar.update)
    for name, reason in learning.failed.items():
        sys.stderr.write(f"opkit: left out: {name}: {reason}\n")
    return learning
