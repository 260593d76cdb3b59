"""``visop run``: the command. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import functools
import os
from pathlib import Path

from visop.cli.console import imports
from visop.cli.flags import Commands, add_calibration, add_command
from visop.cli.index_flags import token
from visop.errors import SettingsError
from visop.search import DEFAULT_NAME, DEFAULT_URI
from visop.settings import load_settings

DEFAULT_HTTP = "127.0.0.1:8080"
DEFAULT_UPLOADS = "visop-uploads"

_NOTES = f"""\
One process: the operator over gRPC, HTTP with its document at /docs, the page at /, and Milvus Lite. --photos are
indexed in the background; what is indexed can be searched at once, and the next start goes on where this one stopped.
With neither --photos nor an index in {DEFAULT_URI}, a small collection of generated pictures is made and shown.

Every setting of the operator is a variable, as `visop info` lists them: OP_MODEL, OP_WEIGHTS, OP_ENDPOINT, ...

examples:
  visop run                                   try it, then open http://{DEFAULT_HTTP}
  visop run --photos ~/Pictures               your own pictures
  visop run --uri http://milvus:19530 --http 0.0.0.0:8080 --uploads /srv/uploads
"""


def add_parser(commands: Commands) -> None:
    """Add ``run`` to the commands of ``visop``."""
    parser = add_command(commands, "run", run, "search your pictures in a browser", _NOTES)
    parser.add_argument(
        "--photos",
        action="append",
        default=[],
        metavar="FOLDER",
        help="index it in the background; also a file, a URL, a LIST.txt or LIST.csv; may be given several times",
    )
    which = f"the index (default {DEFAULT_NAME})"
    parser.add_argument("--index", dest="name", default=DEFAULT_NAME, metavar="NAME", help=which)
    parser.add_argument(
        "--uri",
        metavar="PATH_OR_URL",
        help=f"FILE.db for Milvus Lite, http://HOST:19530 for a Milvus (default {DEFAULT_URI})",
    )
    parser.add_argument(
        "--http", metavar="HOST:PORT", help=f"the page's address (default OP_HTTP_ENDPOINT, else {DEFAULT_HTTP})"
    )
    parser.add_argument(
        "--uploads",
        metavar="FOLDER",
        help="where pictures go that are uploaded on the page; `off` takes none (default: "
        f"{DEFAULT_UPLOADS} if only this machine can reach the page, else off)",
    )
    add_calibration(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit status."""
    flags = {} if arguments.http is None else {"http_endpoint": arguments.http}
    if not os.environ.get("OP_HTTP_ENDPOINT"):
        flags.setdefault("http_endpoint", DEFAULT_HTTP)
    effective = load_settings(os.environ, flags)
    _check_photos(arguments.photos)
    with imports("to search in a browser: pip install 'visop[web]'"):
        from visop.serving.lifecycle import serve
        from visop.web.search_server import SearchOptions, open_search
    options = SearchOptions(
        uri=arguments.uri or DEFAULT_URI,
        name=arguments.name,
        pictures=[os.path.expanduser(each) for each in arguments.photos],
        examples=not arguments.photos and arguments.uri is None and not os.path.exists(DEFAULT_URI),
        uploads=_uploads(arguments.uploads, effective.settings.http_host),
        calibration=arguments.calibration,
        fpr=arguments.fpr,
        token=token(),
    )
    return serve(effective, functools.partial(open_search, options, effective.settings))


def _check_photos(photos: list[str]) -> None:
    """Find out before the model is loaded what would stop indexing at its start."""
    for each in photos:
        if "://" not in each and not os.path.exists(os.path.expanduser(each)):
            raise SettingsError(f"--photos {each}: no such folder or file")


def _uploads(given: str | None, host: str) -> Path | None:
    from visop.address import is_loopback

    if given is None:
        return Path(DEFAULT_UPLOADS) if is_loopback(host) else None
    return None if given == "off" else Path(given).expanduser()
