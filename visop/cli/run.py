"""``visop run``: operator, HTTP and search page in one process. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from visop.address import is_loopback, is_wildcard, join, split
from visop.cli.console import imports
from visop.cli.flags import Commands, add_calibration, add_command
from visop.cli.folder_flags import add_folder_flags, find_options
from visop.cli.index_flags import add_index_flags, add_keep_originals, add_parts_flag, token, uri_of
from visop.cli.old_spellings import add_old_spelling
from visop.cli.operator_flags import add_local_operator
from visop.cli.settings_flags import add_settings, given_settings
from visop.errors import UsageError
from visop.part_scheme import NO_PARTS
from visop.search import DEFAULT_URI
from visop.settings import Effective, Settings, load_settings
from visop.sources import is_url, typed_path

if TYPE_CHECKING:
    from visop.search.store import Store

DEFAULT_HTTP = "127.0.0.1:8080"
DEFAULT_UPLOADS = "visop-uploads"
DEFAULT_MOVED = "visop-moved"

_NOTES = f"""\
One process serves the operator over gRPC, the same and the search over HTTP (documented at /docs), and the page at /.
The index is a file, or a Milvus server. --pictures are indexed in the background: what is indexed can be searched at
once, and the next start continues where this one stopped. Without --pictures, and without an index in {DEFAULT_URI}, a
few example pictures are drawn and shown.

The index follows the folders of --pictures, at the start and while it runs: what is added can be found seconds later,
what is renamed is not encoded again, and what is deleted is taken out. Pictures of a folder that is gone or empty stay,
marked, because that is more often a disk that is not there; `visop remove FOLDER` takes them out.

Every other setting of the operator is an environment variable; `visop info` lists them.

examples:
  visop run                                   try it, then open http://{DEFAULT_HTTP}
  visop run --pictures ~/Pictures             your own pictures
  visop run --model vgg16 --weights random    another model
  visop run --uri http://milvus:19530 --http-endpoint 0.0.0.0:8080 --tokens-file tokens.txt
  visop run --engine-api --http-endpoint 127.0.0.1:5000
"""


def add_parser(commands: Commands) -> None:
    """Add ``run`` to the commands of ``visop``."""
    parser = add_command(commands, "run", run, "search your pictures in a browser", _NOTES)
    pictures = parser.add_argument(
        "--pictures",
        action="append",
        default=[],
        metavar="FOLDER",
        help="pictures to index in the background: a folder, a file, a URL, a LIST.txt or LIST.csv; repeat it for more",
    )
    add_old_spelling(parser, "--photos", pictures)
    quietly = "index --pictures once, at the start, and do not follow what changes in these folders later"
    parser.add_argument("--no-watch", dest="watch", action="store_false", help=quietly)
    add_folder_flags(parser)
    add_index_flags(parser)
    add_parts_flag(parser)
    parser.add_argument(
        "--uploads",
        metavar="FOLDER",
        help="where pictures go that are uploaded on the page; `off` takes none (default: "
        f"{DEFAULT_UPLOADS} if only this machine can reach the page, else off)",
    )
    add_keep_originals(parser)
    parser.add_argument(
        "--move-to",
        metavar="FOLDER",
        help="where copies are moved to that somebody chooses on the page of copies; `off` moves none (default: "
        f"{DEFAULT_MOVED} if only this machine can reach the page, else off)",
    )
    parser.add_argument(
        "--engine-api",
        nargs="?",
        const="",
        metavar="FOLDER",
        help="serve the REST interface of the original engine (Phantoscope), too: /v1/operator, /v1/pipeline and "
        "/v1/application. Whoever reaches it may change everything there. What is registered is kept in FOLDER, with "
        "the pictures unless --keep-originals says where those go (default: NAME-engine beside --uri NAME.db)",
    )
    parser.add_argument(
        "--keep-metadata",
        action="store_true",
        help="let other machines have the files of pictures as they are, with GPS data and all; by default only this "
        "machine gets them so, and others get them without metadata",
    )
    add_calibration(parser)
    section = parser.add_argument_group("where it is reached")
    add_settings(
        section, ["endpoint", "bind", "http_endpoint", "http_hosts", "tokens_file", "tls_cert", "tls_key", "open"]
    )
    http = next(action for action in parser._actions if action.dest == "setting_http_endpoint")
    http.help = f"HOST:PORT of the page and of HTTP [OP_HTTP_ENDPOINT; default: {DEFAULT_HTTP}]"
    add_old_spelling(parser, "--http", http)
    add_local_operator(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit status."""
    _check_pictures(arguments.pictures)
    is_first_visit = arguments.uri is None and not arguments.pictures
    uri = uri_of(arguments)
    with imports("to search in a browser: pip install 'visop[web]'"):
        from visop.search.parts_of_index import open_store_there
    engine = _engine(arguments.engine_api, uri)
    with open_store_there(uri, token()) or nullcontext() as store:  # a wrong one is refused before the model is loaded
        return _serve(arguments, store, engine, examples=is_first_visit and store is None and engine is None)


def _serve(arguments: argparse.Namespace, store: Store | None, engine: Path | None, *, examples: bool) -> int:
    """Serve what is in a store; None if there is none yet. With ``examples``, those."""
    effective = _settings(arguments, _parts(arguments, store))
    with imports("to search in a browser: pip install 'visop[web]'"):
        from visop.serving.lifecycle import serve
        from visop.web.search_server import SearchOptions, open_search
    options = SearchOptions(
        uri=arguments.uri,
        name=arguments.name,
        pictures=[typed_path(each) for each in arguments.pictures],
        find=find_options(arguments),
        watch=arguments.watch,
        examples=examples,
        uploads=_folder(arguments.uploads, DEFAULT_UPLOADS, effective.settings.http_host),
        keep_originals=arguments.keep_originals,
        move_to=_folder(arguments.move_to, DEFAULT_MOVED, effective.settings.http_host),
        calibration=arguments.calibration,
        fpr=arguments.fpr,
        token=token(),
        keep_metadata=arguments.keep_metadata,
        engine=engine,
        store=store,
    )
    tell = functools.partial(_tell_address, effective.settings)
    return serve(effective, functools.partial(open_search, options, effective.settings), tell)


def _tell_address(settings: Settings, addresses: Mapping[str, str]) -> None:
    """One line that a terminal makes a link of, in a form that a browser on this machine can open."""
    scheme = "https" if settings.tls_cert else "http"
    host, port = split(addresses["http"])
    place = join("localhost" if is_wildcard(host) else host, port or 0)
    sys.stdout.write(f"visop: ready, open {scheme}://{place}/\n")
    sys.stdout.flush()


def _parts(arguments: argparse.Namespace, store: Store | None) -> str | None:
    """What makes the parts of pictures: as it was asked for, or as the index has them that is there."""
    if arguments.parts is not None or os.environ.get("OP_PROCESSOR") or "processor" in given_settings(arguments):
        return arguments.parts  # type: ignore[no-any-return]
    from visop.search.parts_of_index import parts_of_index

    return parts_of_index(store, arguments.name) if store else None


def _settings(arguments: argparse.Namespace, parts: str | None) -> Effective:
    """The settings, with HTTP on: the page needs it. An empty address, which elsewhere is off, is the default here."""
    flags = given_settings(arguments)
    if not flags.get("http_endpoint", os.environ.get("OP_HTTP_ENDPOINT")):
        flags["http_endpoint"] = DEFAULT_HTTP
    if parts is not None:
        flags |= {"processor": "", "whole": "off"} if parts == NO_PARTS else {"processor": parts, "whole": "on"}
    return load_settings(os.environ, flags)


def _check_pictures(pictures: list[str]) -> None:
    """Find out before the model is loaded what would stop indexing at its start."""
    for each in map(typed_path, pictures):
        if not is_url(each) and not os.path.exists(each):
            raise UsageError("pictures", each, "no such folder or file")


def _folder(given: str | None, default: str, host: str) -> Path | None:
    """A folder to write to: the default only if no other machine can reach the server."""
    if given is None:
        return Path(default) if is_loopback(host) else None
    return None if given == "off" else Path(given).expanduser()


def _engine(given: str | None, uri: str) -> Path | None:
    """The folder of the interface of the original engine; None does not serve it."""
    if given is None:
        return None
    from visop.web.engine.service import default_folder

    folder = Path(given).expanduser() if given else default_folder(uri)
    if folder is None:
        raise UsageError("engine_api", "", "needs a folder, because the indexes are not on this machine")
    return folder
