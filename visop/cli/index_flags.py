"""The flags that the commands of an index share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from visop.cli.console import imports, note
from visop.cli.flags import CommandParser, new_file
from visop.cli.operator_flags import add_local_operator, add_running_operator, check_local_flags
from visop.cli.settings_flags import read_settings
from visop.search import DEFAULT_NAME, DEFAULT_URI

if TYPE_CHECKING:
    from visop.search.calibration import CopyThresholds
    from visop.search.index import Index
    from visop.settings import Settings

#: The index of the version before, which had another name.
OLD_URI = "opkit.db"

#: Holds the password of a Milvus, which does not belong on a command line.
TOKEN_VARIABLE = "MILVUS_TOKEN"  # noqa: S105 - a name

EXIT_STATUS = """\
exit status:
  0 all done    1 some pictures failed    2 wrong usage or settings    3 not finished    130 Ctrl-C
"""


def add_index_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--index`` and ``--uri``."""
    which = f"the index (default {DEFAULT_NAME})"
    parser.add_argument("--index", dest="name", default=DEFAULT_NAME, metavar="NAME", help=which)
    parser.add_argument(
        "--uri",
        metavar="PATH_OR_URL",
        help=f"where it is: FILE.db on this machine, or http://HOST:19530 for a Milvus server, with user:password in "
        f"{TOKEN_VARIABLE} if the server asks for them (default {DEFAULT_URI})",
    )


def add_errors_flag(parser: argparse.ArgumentParser) -> None:
    """Add where failures are listed."""
    where = "where the failures are listed, as CSV (default: beside the index, such as visop.pictures.errors.csv)"
    parser.add_argument("--errors", type=Path, metavar="FILE", help=where)


def add_keep_originals(parser: argparse.ArgumentParser) -> None:
    """Add ``--keep-originals``."""
    where = (
        "keep a copy of each picture in a folder, s3://BUCKET/FOLDER or gs://BUCKET/FOLDER, in a folder of the index's "
        "name there; `none` keeps none of new pictures (default: where the index keeps them already, if it does)"
    )
    parser.add_argument("--keep-originals", default="", metavar="FOLDER_OR_URL", help=where)


def add_output_flags(parser: argparse.ArgumentParser) -> None:
    """Add the forms in which results are written: lines, JSON or a page."""
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print JSON")
    output.add_argument("--html", type=new_file, metavar="FILE", help="write a page with thumbnails to FILE")


def add_encoder_flags(parser: CommandParser, repeated: str = "repeat it for several") -> None:
    """Add what says which encoder encodes, and what it is good for to repeat the flag."""
    told = f"a running operator that encodes; {repeated} (default: one in this process)"
    add_running_operator(parser, told, several=True)
    add_local_operator(parser)


def add_parts_flag(parser: argparse.ArgumentParser) -> None:
    """Add which parts of pictures are encoded beside the whole."""
    parser.add_argument(
        "--parts",
        type=_parts,
        metavar="PROCESSOR",
        help="also encode parts of each picture, which finds cut-outs and objects: regions:10, regions:26, faces, "
        "ssd300, your own module:Class, or none (default: as the index has them; none for a new one)",
    )


def _parts(text: str) -> str:
    """For argparse: what makes parts, which is looked up later."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty: must be a processor, such as regions:10, or none")
    return text


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings, with those that were given as flags.

    Raises:
        UsageError: one is wrong, or is of an operator in this process while a running one was named.
    """
    check_local_flags(arguments, arguments.operators)
    return read_settings(arguments).settings


def uri_of(arguments: argparse.Namespace) -> str:
    """Where the index is: ``--uri``, or the default one in the working folder, also under its name of before."""
    if arguments.uri is None:
        arguments.uri = DEFAULT_URI
        if os.path.exists(OLD_URI) and not os.path.exists(DEFAULT_URI):
            arguments.uri = OLD_URI
            note(
                f"opening {OLD_URI}, the index of the version before; rename it to {DEFAULT_URI}, or name it with --uri"
            )
    return str(arguments.uri)


def open_index(arguments: argparse.Namespace, *, create: bool = False) -> Index:
    """Open the index, and the operators that encode for it; ``create`` makes a store that is not there.

    Raises:
        VisopError: as ``settings_of`` and ``Index.open``.
    """
    with imports("to search: pip install 'visop[search]'"):
        from visop.search.index import Index
        from visop.search.place import check_there
    uri = uri_of(arguments)
    if not create:
        check_there(uri)
    settings = settings_of(arguments)
    return Index.open(
        uri,
        arguments.name,
        operators=arguments.operators,
        parts=getattr(arguments, "parts", None),
        settings=settings,
        token=token(),
        keep_originals=getattr(arguments, "keep_originals", ""),  # of the commands that add
    )


def threshold_of(arguments: argparse.Namespace, index: Index) -> float | None:
    """The cosine from which a picture is called a copy; None if it is not known for the encoder of the index.

    Raises:
        UsageError: the calibration does not have it for this rate, or is of another encoder.
    """
    from visop.search.calibration import copy_threshold

    operator = index.collection.operator
    return copy_threshold(operator, settings_of(arguments), fpr=arguments.fpr, file=arguments.calibration)


def thresholds_of(arguments: argparse.Namespace, index: Index) -> CopyThresholds:
    """As ``threshold_of``, for the parts of the index, and for queries of one vector and of several."""
    from visop.search.calibration import copy_thresholds

    operator = index.collection.operator
    return copy_thresholds(operator, settings_of(arguments), fpr=arguments.fpr, file=arguments.calibration)


def token() -> str:
    """``user:password`` for a Milvus server, or an empty text."""
    return os.environ.get(TOKEN_VARIABLE, "")
