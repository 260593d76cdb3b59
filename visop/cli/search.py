"""``visop search``: the pictures most like one. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

from visop.cli.console import note
from visop.cli.flags import Commands, add_calibration, add_command, whole
from visop.cli.index_flags import (
    add_encoder_flags,
    add_index_flags,
    add_output_flags,
    open_index,
    settings_of,
    threshold_of,
)
from visop.sources import printable

if TYPE_CHECKING:
    from visop.search.match import Match, Matches
    from visop.settings import Settings

_NOTES = """\
The score is in the metric of the index: for L2 a distance from 0 (the same) to 2, for IP and COSINE the cosine. If the
encoder's card has a calibrated threshold, or --calibration has one, pictures that reach it are marked as copies. A
picture with nearly nothing on it, such as a blank page, is like every other such one, and marked as empty instead.

A filter is an expression of Milvus over width, height, bytes, modified and added (seconds since 1970), names and id,
the SHA-256 of the file.

exit status:
  0 searched, also if nothing was found    1 the search failed    2 wrong usage, such as a picture that is not there

examples:
  visop search cat.jpg
  visop search https://example.org/cat.jpg --k 50 --html found.html
  visop search cat.jpg --filter 'width >= 1000 and modified > 1700000000' --json
  visop search cat.jpg --index family --uri http://milvus:19530 -e 10.0.0.7:50051
"""


# Letters of the column for verdicts.
_VERDICT = 7


def add_parser(commands: Commands) -> None:
    """Add ``search`` to the commands of ``visop``."""
    parser = add_command(commands, "search", run, "find the pictures that are most like one", _NOTES)
    parser.add_argument("picture", metavar="PICTURE", help="a file or an http(s) URL")
    add_index_flags(parser)
    parser.add_argument(
        "--k",
        type=whole(1),
        default=10,
        metavar="N",
        help="how many pictures to find, at most 16384, as Milvus has it; over HTTP 1000 (default 10)",
    )
    parser.add_argument(
        "--filter", default="", metavar="EXPR", help="search only pictures that match, such as 'width >= 1000'"
    )
    add_output_flags(parser)
    add_calibration(parser)
    parser.add_argument("--no-previews", action="store_true", help="draw no thumbnails in the terminal")
    add_encoder_flags(parser, "repeat it to name others, in case it does not answer")


def run(arguments: argparse.Namespace) -> int:
    """Search and print; the exit status."""
    settings = settings_of(arguments)
    matches = _search(arguments)
    if matches.marked is not None and matches.nearly_empty:
        from visop.images.emptiness import emptiness_words

        note(f"{arguments.picture} is {emptiness_words(matches.marked)}: nothing to compare, so no copies are told")
    if arguments.json:
        sys.stdout.write(json.dumps([_plain(match) for match in matches], indent=2) + "\n")
    elif arguments.html:
        from visop.search.show.html import write_search

        write_search(arguments.html, arguments.picture, matches, settings)
        sys.stdout.write(f"{len(matches)} pictures in {arguments.html}\n")
    else:
        _print(matches, settings, previews=not arguments.no_previews)
    return 0


def _search(arguments: argparse.Namespace) -> Matches:
    with open_index(arguments) as index:
        index.use_threshold(threshold_of(arguments, index))
        return index.search(arguments.picture, arguments.k, arguments.filter)


def _plain(match: Match) -> dict[str, Any]:
    from visop.search.presence import is_gone

    facts = dataclasses.asdict(match)
    return {**facts.pop("picture"), **facts, "is_gone": is_gone(match.picture)}


def _print(matches: Matches, settings: Settings, *, previews: bool) -> None:
    from visop.search.show.terminal import can_preview, preview_of

    if not matches:
        note("nothing found: the index is empty, or no picture in it matches the filter")
    elif sys.stdout.isatty():
        sys.stdout.write(_headings(matches))
    shown = previews and can_preview(sys.stdout)
    for number, match in enumerate(matches, 1):
        if shown:
            sys.stdout.write(preview_of(match.picture, settings))
        sys.stdout.write(f"{number:3}  {_line(match, _verdict(match, matches))}\n")


def _headings(matches: Matches) -> str:
    verdict = " " * _VERDICT if any(_verdict(match, matches) for match in matches) else ""
    return f"{'':3}  {'score':>8}  {'cosine':>7}  {verdict}{'pixels':>11}  picture\n"


def _verdict(match: Match, matches: Matches) -> str:
    """``copy``, ``empty`` or neither, in a column that is there if there are verdicts.

    That the picture is empty that was searched with is said once, of itself.
    """
    if match.nearly_empty and not matches.nearly_empty:
        return f"{'empty':{_VERDICT}}"
    return "" if match.is_copy is None else f"{'copy' if match.is_copy else '':{_VERDICT}}"


def _line(match: Match, verdict: str) -> str:
    from visop.search.presence import is_gone

    picture = match.picture
    size = f"{picture.width}x{picture.height}" if picture.width else "-"
    more = f"  (and {len(picture.names) - 1} more)" if len(picture.names) > 1 else ""
    gone = "  (file is gone)" if is_gone(picture) else ""
    facts = f"{match.score:8.4f}  {match.cosine:7.4f}  {verdict}{size:>11}"
    return f"{facts}  {printable(picture.names[0])}{more}{gone}"
