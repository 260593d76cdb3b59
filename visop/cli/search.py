"""``visop search``: the pictures most like one. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from visop.cli.console import note
from visop.cli.flags import Commands, add_calibration, add_command, whole
from visop.cli.index_flags import (
    add_encoder_flags,
    add_index_flags,
    add_output_flags,
    open_index,
    settings_of,
    thresholds_of,
)
from visop.errors import ImageDecodeError, ImageTooLarge
from visop.sources import printable

if TYPE_CHECKING:
    from visop.search.attributes import Attribute
    from visop.search.match import Match, Matches
    from visop.settings import Settings

_NOTES = """\
First it says whether there is a copy of the picture: the same picture, possibly edited. That is known if the encoder's
card has a calibrated threshold, or --calibration has one. An encoder that was trained to know pictures again, as the
one that is shipped, knows nothing of what different pictures have in common: what is nearest, and no copy, is listed
only with --all. Other encoders list what is most like the picture below its copies. --json has all, with the verdicts.

The score is in the metric of the index: for L2 a distance from 0 (the same) to 2, for IP and COSINE the cosine. A
picture with nearly nothing on it, such as a blank page, is like every other such one, and marked as empty.

--thorough searches with windows of the picture, too, and so finds pictures that it shows among other things: pasted
into a page, on a screenshot, on the wall of a room. It encodes 10 views, and up to 18 of a long picture, and searches
with each. More pairs have more chances to be alike by accident: the threshold is a higher one, and edited copies of the
whole picture are found a little less often.

--verify looks for a proof in the pixels: places in the picture that lie alike in what was found. It finds a copy also
where the cosine is below the threshold, such as of a small part that was cut out, and says what was done: cut, turned,
mirrored. The first time it takes about 0.2 s of processor time for each picture; their features are kept in the cache
folder for the next search.

A filter is an expression of Milvus over width, height, bytes, modified and added (seconds since 1970), names and id,
the SHA-256 of the file.

exit status:
  0 searched, also if nothing was found    1 the search failed    2 wrong usage, such as a picture that is not there

examples:
  visop search cat.jpg
  visop search https://example.org/cat.jpg --k 50 --html found.html
  visop search cat.jpg --filter 'width >= 1000 and modified > 1700000000' --json
  visop search street.jpg --box 120,40,300,200        # what is in this part of it
  visop search screenshot.png --thorough --verify     # with proofs, and what was done to the copies
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
    parser.add_argument(
        "--box", type=_box, metavar="X,Y,W,H", help="search with this part of the picture, in pixels as it is shown"
    )
    parser.add_argument(
        "--thorough", action="store_true", help="search with windows of the picture, too: 10 to 18 views"
    )
    parser.add_argument(
        "--mode",
        default="best",
        choices=("best", "mean", "first"),
        help="how several vectors of a picture count: the nearest pair, the mean of all pairs, or the whole pictures "
        "alone (default best)",
    )
    parser.add_argument(
        "--verify",
        nargs="?",
        type=whole(1),
        const=10,
        default=0,
        metavar="N",
        help="look into the files of the N nearest for a proof by local features; what is proven comes first, and is a "
        "copy whatever its cosine (N: 10 if not given, at most 100)",
    )
    parser.add_argument(
        "--all", action="store_true", help="also list what is nearest and no copy, if the encoder knows copies only"
    )
    add_output_flags(parser)
    add_calibration(parser)
    parser.add_argument("--no-previews", action="store_true", help="draw no thumbnails in the terminal")
    add_encoder_flags(parser, "repeat it to name others, in case it does not answer")


def _box(text: str) -> list[float]:
    """For argparse: four numbers with commas."""
    try:
        numbers = [float(each) for each in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4:
        raise argparse.ArgumentTypeError(f"{text}: must be x,y,w,h, such as 120,40,300,200")
    return numbers


def _spoken_box(box: Sequence[float]) -> str:
    return ",".join(f"{each:g}" for each in box)


def run(arguments: argparse.Namespace) -> int:
    """Search and print; the exit status."""
    settings = settings_of(arguments)
    matches = _search(arguments)
    if matches.marked is not None and matches.nearly_empty:
        from visop.images.emptiness import emptiness_words

        what = f"the part {_spoken_box(arguments.box)} of {arguments.picture}" if arguments.box else arguments.picture
        note(f"{what} is {emptiness_words(matches.marked)}: nothing to compare, so no copies are told")
    if arguments.json:
        sys.stdout.write(json.dumps([_plain(match) for match in matches], indent=2) + "\n")
    elif arguments.html:
        from visop.search.show.html import write_search

        write_search(arguments.html, arguments.picture, matches, settings)
        sys.stdout.write(f"{len(matches)} pictures in {arguments.html}\n")
    else:
        _print(matches, settings, previews=not arguments.no_previews, with_others=arguments.all)
    return 0


@contextmanager
def _named(picture: str) -> Iterator[None]:
    """Put the name of the picture before what is wrong with it."""
    try:
        yield
    except (ImageDecodeError, ImageTooLarge) as error:
        raise type(error)(f"{picture}: {error}") from error


def _search(arguments: argparse.Namespace) -> Matches:
    with open_index(arguments) as index:
        index.use_threshold(thresholds_of(arguments, index))
        with _named(arguments.picture):
            return index.search(
                arguments.picture,
                arguments.k,
                arguments.filter,
                box=arguments.box,
                thorough=arguments.thorough,
                mode=arguments.mode,
                verify=arguments.verify,
            )


def _plain(match: Match) -> dict[str, Any]:
    from visop.search.presence import is_gone

    facts = {**dataclasses.asdict(match), "proof": match.proof and match.proof.facts()}
    return {**facts.pop("picture"), **facts, "is_gone": is_gone(match.picture)}


def _print(matches: Matches, settings: Settings, *, previews: bool, with_others: bool) -> None:
    from visop.search.show.summary import WHY_NOT_LIKE, found_words, others_words

    if not matches:
        note("nothing found: the index is empty, or no picture in it matches the filter")
        return
    if not matches.judged:
        _print_lines(matches, matches, settings, previews=previews)
        return
    sys.stdout.write(f"{found_words(matches)}{':' if matches.copies else '.'}\n")
    _print_lines(matches.copies, matches, settings, previews=previews)
    others = matches.others
    if others and (with_others or not matches.only_copies):
        sys.stdout.write(f"{others_words(matches)}:\n")
        _print_lines(others, matches, settings, previews=previews, first=len(matches.copies) + 1)
    elif others:
        count = f"{len(others)} pictures are" if len(others) > 1 else "one picture is"
        note(f"{count} nearest, but not a copy, and not shown: {WHY_NOT_LIKE}; --all shows them")


def _print_lines(
    shown: Sequence[Match], matches: Matches, settings: Settings, *, previews: bool, first: int = 1
) -> None:
    from visop.search.show.terminal import can_preview, preview_of

    if shown and sys.stdout.isatty():
        sys.stdout.write(_headings(matches))
    draws = previews and can_preview(sys.stdout)
    for number, match in enumerate(shown, first):
        if draws:
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
    from visop.search.show.summary import place_words, proof_words

    picture = match.picture
    size = f"{picture.width}x{picture.height}" if picture.width else "-"
    more = f"  (and {len(picture.names) - 1} more)" if len(picture.names) > 1 else ""
    gone = "  (file is gone)" if is_gone(picture) else ""
    place = f"  ({place_words(match)})" if match.part or match.view else ""
    proof = f"  ({proof_words(match)})" if match.is_proven or match.unverified else ""
    facts = f"{match.score:8.4f}  {match.cosine:7.4f}  {verdict}{size:>11}"
    told = ", ".join(f"{name}={_spoken_value(value)}" for name, value in picture.attributes.items())
    attributes = f"  [{printable(told)}]" if told else ""
    return f"{facts}  {printable(picture.names[0])}{more}{gone}{place}{proof}{attributes}"


def _spoken_value(value: Attribute) -> str:
    """As a filter has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
