"""The flags that the commands around an index share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from visop.cli.console import imports
from visop.cli.flags import ENCODER_SETTINGS, add_settings, given_settings, read_settings, setting_flag
from visop.errors import SettingsError
from visop.search import DEFAULT_NAME, DEFAULT_URI
from visop.settings import flag_name

if TYPE_CHECKING:
    from visop.search.index import Index
    from visop.settings import Settings

#: For the password of a Milvus, which does not belong on a command line.
TOKEN_VARIABLE = "MILVUS_TOKEN"  # noqa: S105 - a name

EXIT_STATUS = """\
exit status:
  0 all done    1 some pictures failed    2 wrong usage or settings    3 not finished    130 Ctrl-C
"""


def add_index_flags(parser: argparse.ArgumentParser) -> None:
    """Which index."""
    which = f"the index (default {DEFAULT_NAME})"
    parser.add_argument("--index", dest="name", default=DEFAULT_NAME, metavar="NAME", help=which)
    parser.add_argument(
        "--uri",
        default=DEFAULT_URI,
        metavar="PATH_OR_URL",
        help=f"FILE.db for Milvus Lite, http://HOST:19530 for a Milvus (default {DEFAULT_URI}); a Milvus that asks for "
        f"user:password gets them from {TOKEN_VARIABLE}",
    )


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Where what was found goes."""
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="for programs")
    output.add_argument("--html", type=_page, metavar="FILE", help="write a page with thumbnails")


def _page(name: str) -> Path:
    """For argparse: refuses before the work what could not be written after it."""
    path = Path(name)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{name}: must be a file in a folder that is there")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{name}: cannot be written; mind owner and mode")
    return path


def add_encoder_flags(parser: argparse.ArgumentParser) -> None:
    """Which encoder encodes."""
    parser.add_argument(
        "--operator",
        dest="operators",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="a running operator that encodes; give it several times for several (default: in this process)",
    )
    add_local_flags(parser)


def add_local_flags(parser: argparse.ArgumentParser) -> None:
    """The encoder in this process, whose card may be wanted where nothing is encoded."""
    parser.set_defaults(operators=[])
    group = parser.add_argument_group("the operator in this process")
    group.add_argument("--class", **setting_flag("operator"))
    add_settings(group, ENCODER_SETTINGS)


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings, with those that were given as flags.

    Raises:
        SettingsError: one is wrong, or says something of an operator that is not in this process.
    """
    flags = ["--class" if name == "operator" else flag_name(name) for name in given_settings(arguments)]
    if flags and arguments.operators:
        raise SettingsError(f"{', '.join(flags)}: has no effect on a running operator")
    return read_settings(arguments).settings


def open_index(arguments: argparse.Namespace, *, create: bool = False) -> Index:
    """The index, and the operators that encode for it; ``create`` makes a store that is not there.

    Raises:
        VisopError: as ``settings_of`` and ``Index.open``.
    """
    with imports("to search: pip install 'visop[search]'"):
        from visop.search.index import Index
        from visop.search.milvus.store import check_there
    if not create:
        check_there(arguments.uri)
    settings = settings_of(arguments)
    return Index.open(arguments.uri, arguments.name, operators=arguments.operators, settings=settings, token=token())


def threshold_of(arguments: argparse.Namespace, index: Index) -> float | None:
    """From which cosine on a picture is called a copy; None if that is not known for the encoder of the index.

    Raises:
        SettingsError: the calibration does not have it for this rate, or is of another encoder.
    """
    from visop.search.calibration import copy_threshold

    operator = index.collection.operator
    return copy_threshold(operator, settings_of(arguments), fpr=arguments.fpr, file=arguments.calibration)


def token() -> str:
    """What a Milvus is told who we are."""
    return os.environ.get(TOKEN_VARIABLE, "")
