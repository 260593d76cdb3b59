"""``visop collect``: the pictures of web pages into a folder. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from visop.cli.console import FAILED, KEPT, UNFINISHED, complain, imports, resumable
from visop.cli.flags import Commands, add_command, number, whole
from visop.cli.old_spellings import add_old_spelling
from visop.cli.settings_flags import add_settings, read_settings
from visop.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from visop.settings import Settings

_NOTES = """\
The pictures of a page are those of <img> and <picture>, also where scripts load them late (data-src, data-lazy-src,
...), and its preview (og:image); of several sizes, the largest that is there is taken. robots.txt is obeyed, for the
name "visop". A host that is asked too often (429, or 503 with Retry-After) is waited for as it says, at most 5 minutes;
if it wants more, it is left alone, and the same command later goes on with it.
Private addresses are refused unless --fetch-allow names them. Other limits are settings: OP_MAX_IMAGE_BYTES,
OP_MAX_PIXELS, OP_FETCH_TIMEOUT_S, ... (`visop info` lists them).

files written:
  FOLDER/<sha256>.jpg, .png, ...   the pictures, byte for byte, named by their content
  FOLDER/manifest.jsonl            a line per picture and page: url, page, alt, file, sha256, width, height, when,
                                   outcome (done, skipped, failed) and reason

The same command again continues where the last run ended, and fetches nothing that the manifest has.

exit status:
  0 nothing failed    1 some pages or pictures failed    2 wrong usage or settings    3 not finished    130 Ctrl-C

examples:
  visop collect https://example.org/gallery.html --out pictures/
  visop collect --list pages.txt --out pictures/ --rate 0.5 --limit 1000
  visop collect http://127.0.0.1:8000/ --out pictures/ --fetch-allow 127.0.0.1
"""

_INSTALL = "to collect pictures: pip install 'visop[tools]'"


def add_parser(commands: Commands) -> None:
    """Add ``collect`` to the commands of ``visop``."""
    parser = add_command(commands, "collect", run, "take the pictures of web pages into a folder", _NOTES)
    parser.add_argument("pages", nargs="*", metavar="PAGE_URL", help="web pages, http or https")
    parser.add_argument(
        "--out", dest="folder", required=True, type=Path, metavar="FOLDER", help="where the pictures go"
    )
    parser.add_argument("--list", type=Path, metavar="FILE", help="more pages, one per line; - is stdin")
    bounds = number(float, lambda value: 0.001 <= value <= 1000, "a number from 0.001 to 1000")
    rate = "requests per second to one host; less where its robots.txt says so (default 1)"
    parser.add_argument("--rate", type=bounds, default=1.0, metavar="N", help=rate)
    full = "stop when the folder has this many pictures (default 10000)"
    limit = parser.add_argument("--limit", type=whole(1), default=10_000, metavar="N", help=full)
    add_old_spelling(parser, "--max", limit)
    side = "skip pictures with a side of fewer pixels, such as icons and tracking pixels (default 64)"
    parser.add_argument("--min-side", type=whole(1), default=64, metavar="N", help=side)
    near = "keep pictures that differ only a little, in size, compression or colour (default: keep the first one met)"
    parser.add_argument("--keep-near-duplicates", action="store_true", help=near)
    links = "also take the image files that a page links to, and take them first: often the originals of thumbnails"
    parser.add_argument("--links", action="store_true", help=links)
    parser.add_argument("--retry-failed", action="store_true", help="try again what failed in an earlier run")
    parser.add_argument("--refetch-pages", action="store_true", help="read known pages again, for new pictures")
    add_settings(parser, ["fetch_allow"])
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no summary")


def run(arguments: argparse.Namespace) -> int:
    """Collect; the exit status.

    Raises:
        UsageError: nothing to do, wrong settings, or a folder that cannot be used.
    """
    from visop.sources import read_list

    settings = read_settings(arguments).settings
    if not settings.fetch:
        raise SettingsError("fetch", "off", "collecting needs it; set it to on")
    lines = read_list(arguments.list) if arguments.list else []
    pages = [*arguments.pages, *(line.strip() for line in lines if line.strip())]
    if not pages:
        raise UsageError("pages", "", "nothing to collect; name a page, or a list of pages with --list")
    _check_addresses(arguments.pages)
    return resumable(lambda: _collect(pages, settings, arguments))


def _check_addresses(pages: list[str]) -> None:
    """Refuse what was mistyped: the manifest would keep it for good. A bad line of a long list stops nothing."""
    with imports(_INSTALL):
        from visop.collect.urls import is_web
    for page in pages:
        if not is_web(page):
            raise UsageError("pages", page, "must be an address that begins with http:// or https://")


def _collect(pages: list[str], settings: Settings, arguments: argparse.Namespace) -> int:
    with imports(_INSTALL):
        from visop.collect.collector import CollectOptions, Collector, has_failures, summarise
        from visop.collect.crawler import Crawler
        from visop.collect.folder import MANIFEST, PictureFolder
        from visop.collect.pace import Pace
        from visop.images.decode import ImageLimits
        from visop.images.fetching.fetch import Fetcher
        from visop.progress import progress_bar
    options = CollectOptions(
        min_side=arguments.min_side,
        max_pictures=arguments.limit,
        links=arguments.links,
        retry_failed=arguments.retry_failed,
        refetch_pages=arguments.refetch_pages,
    )
    with (
        PictureFolder(arguments.folder, keep_near_duplicates=arguments.keep_near_duplicates) as folder,
        Fetcher.of(settings) as fetcher,
        progress_bar(0, quiet=arguments.quiet) as bar,
    ):
        on_wait = _say_nothing if arguments.quiet else _tell_wait
        crawler = Crawler(fetcher, Pace(1 / arguments.rate), settings.max_redirects, on_wait)
        collector = Collector(crawler, folder, ImageLimits.of(settings), options, bar)
        collector.run(pages)
        bar.close()
        if not arguments.quiet:
            print("\n".join(summarise(folder)))
            print(f"{arguments.folder / MANIFEST} says what became of every page and picture")
        if collector.left:
            reasons = [f"{reason} ({count:,} pictures and pages are left)" for reason, count in collector.left.items()]
            return complain(f"not finished: {'; '.join(reasons)}. {KEPT}", UNFINISHED)
        if has_failures(folder):
            return complain(f"some failed; {arguments.folder / MANIFEST} says why, --retry-failed tries again", FAILED)
    return 0


def _tell_wait(host: str, seconds: float) -> None:
    from tqdm import tqdm

    tqdm.write(f"visop: {host} asks to wait {seconds:g} s", file=sys.stderr)  # past the bar, if there is one


def _say_nothing(_host: str, _seconds: float) -> None:
    pass
