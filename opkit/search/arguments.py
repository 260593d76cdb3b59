"""The flags that the commands around an index share."""

from __future__ import annotations

import argparse
import dataclasses
import os
from typing import Any

from opkit.errors import SettingsError
from opkit.settings import Settings, env_name, flag_name, load_settings

DEFAULT_URI = "opkit.db"
DEFAULT_NAME = "pictures"

#: For the password of a Milvus, which does not belong on a command line.
TOKEN_VARIABLE = "MILVUS_TOKEN"  # noqa: S105 - a name

# What of the settings says which encoder is loaded in this process.
_SETTINGS = ("operator", "model", "weights", "pooling", "resize", "device", "precision", "threads", "data_dir")

EXIT_STATUS = """\
exit status:
  0 all done    1 some pictures failed    2 wrong usage or settings    3 not finished    130 Ctrl-C
"""


def add_command(commands: Any, name: str, run: Any, summary: str, notes: str) -> argparse.ArgumentParser:
    """A command with a first sentence, and examples below its flags."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=notes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def add_index_flags(parser: argparse.ArgumentParser) -> None:
    """Which index."""
    parser.add_argument("--index", default=DEFAULT_NAME, metavar="NAME", help=f"the index (default {DEFAULT_NAME})")
    parser.add_argument(
        "--uri",
        default=DEFAULT_URI,
        metavar="PATH_OR_URL",
        help=f"FILE.db for Milvus Lite, http://HOST:19530 for a Milvus (default {DEFAULT_URI}); a Milvus that asks for "
        f"user:password gets them from {TOKEN_VARIABLE}",
    )


def add_encoder_flags(parser: argparse.ArgumentParser) -> None:
    """Which encoder."""
    parser.add_argument(
        "--operator",
        dest="operators",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="a running operator that encodes; give it several times for several (default: in this process)",
    )
    group = parser.add_argument_group("the operator in this process")
    fields = {each.name: each for each in dataclasses.fields(Settings)}
    for name in _SETTINGS:
        text = f"{fields[name].metadata['help']} [{env_name(name)}; default: {fields[name].default}]"
        flag = "--class" if name == "operator" else flag_name(name)
        group.add_argument(flag, dest=f"setting_{name}", metavar="VALUE", help=text.replace("%", "%%"))


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings, with those that were given as flags.

    Raises:
        SettingsError: one is wrong, or says something of an operator that is not in this process.
    """
    values = {name: getattr(arguments, f"setting_{name}", None) for name in _SETTINGS}
    given = {name: text for name, text in values.items() if text is not None}
    if given and getattr(arguments, "operators", []):
        raise SettingsError(f"{', '.join(map(flag_name, given))}: has no effect on a running operator")
    return load_settings(os.environ, given).settings


def token() -> str:
    """What a Milvus is told who we are."""
    return os.environ.get(TOKEN_VARIABLE, "")


def positive(text: str) -> int:
    """For argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number from 1")
    return int(text)


def rate(text: str) -> float:
    """For argparse: a share between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be between 0 and 1, such as 1e-3")
    return value
