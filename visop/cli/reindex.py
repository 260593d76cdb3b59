"""``visop reindex``: new vectors for an index. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from visop.cli.console import FAILED, KEPT, complain, imports, resumable, tell_retries
from visop.cli.flags import Commands, add_command
from visop.cli.index_flags import (
    EXIT_STATUS,
    add_encoder_flags,
    add_errors_flag,
    add_index_flags,
    add_parts_flag,
    settings_of,
    token,
    uri_of,
)

if TYPE_CHECKING:
    from visop.search.failures import Failures
    from visop.search.reindex import Reindexed
    from visop.search.store import Store

_NOTES = f"""\
Vectors of two encoders cannot be compared, so another encoder needs new vectors of every picture. They are made in a
new collection beside the old one, which answers searches until the new one is complete; then the index is switched over
and the old collection is deleted. Pictures are read again from where they were found. As long as some cannot be read,
the index stays as it was, and the same command continues from there; --accept-losses switches over without them. What
other commands add and remove meanwhile comes along. A `visop run` with the former encoder has to be started again.

--again makes the vectors anew with the same encoder: those of pictures with transparency, a wide gamut or unusual
samples have changed since visop 0.2.0, and an index of before keeps the former ones until then.

{EXIT_STATUS}
examples:
  visop reindex --weights whitened.safetensors
  visop reindex --parts regions:10            also encode the parts of each picture; --parts none undoes it
  visop reindex --again
  visop reindex --index family --uri http://milvus:19530 -e 10.0.0.7:50051 --keep
"""

_STAYS = (
    "The index is as it was, with the vectors of its former encoder. Make them readable (is a disk not mounted, or a "
    "network down?) and give the same command again, which continues from there; or add --accept-losses, which "
    "switches over without them unless all of them are missing"
)


def add_parser(commands: Commands) -> None:
    """Add ``reindex`` to the commands of ``visop``."""
    parser = add_command(commands, "reindex", run, "make the vectors of an index again with another encoder", _NOTES)
    add_index_flags(parser)
    add_parts_flag(parser)
    parser.add_argument(
        "--keep", action="store_true", help="keep the old collection, so that its encoder can go back to it"
    )
    again = "make the vectors anew even if the index has those of this encoder"
    parser.add_argument("--again", action="store_true", help=again)
    losses = "switch over even if some pictures cannot be read again; the index loses them"
    parser.add_argument("--accept-losses", action="store_true", help=losses)
    add_errors_flag(parser)
    parser.add_argument("--index-type", default="auto", metavar="TYPE", help="as for `visop index` (default auto)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no summary")
    add_encoder_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Reindex, with a bar; the exit status."""
    with imports("to search: pip install 'visop[search]'"):
        import visop.search.milvus.store  # noqa: F401 - whether it can be
        from visop.search.failures import Failures, default_list
        from visop.search.place import check_there
    check_there(uri_of(arguments))
    if not arguments.quiet:
        tell_retries()
    failures = Failures(arguments.errors or default_list(uri_of(arguments), arguments.name))
    return resumable(lambda: _reindex(arguments, failures), f"The index is as it was. {KEPT}")


def _reindex(arguments: argparse.Namespace, failures: Failures) -> int:
    done = _remake(arguments, failures)
    from visop.search.place import shown_uri

    where = f"{shown_uri(arguments.uri)}, index {arguments.name}"
    if done is None:
        sys.stdout.write(f"{where}: has the vectors of this encoder already; --again makes them anew\n")
        return 0
    if not arguments.quiet:
        more = f", {done.kept} were done already" if done.kept else ""
        sys.stdout.write(f"{where}: {done.made} vectors made again{more}\n")
    if not done.is_switched:
        return complain(f"{done.failed} pictures could not be read again; {failures.path} says why. {_STAYS}", FAILED)
    if done.failed:
        return complain(f"{done.failed} pictures failed and are not in the index; {failures.path} says why", FAILED)
    return 0


def _parts(arguments: argparse.Namespace, store: Store) -> str | None:
    """Those that were asked for, or those of the index."""
    from visop.encoding.parts import processor_of

    if arguments.parts is not None or arguments.operators:
        return arguments.parts  # type: ignore[no-any-return]
    return processor_of(store.find(arguments.name).operator.parts, arguments.name)


def _remake(arguments: argparse.Namespace, failures: Failures) -> Reindexed | None:
    from visop.encoding.pool import open_encoders
    from visop.progress import progress_bar
    from visop.search.digests import Digests
    from visop.search.reader import Reader
    from visop.search.reindex import Reindex
    from visop.search.store import open_store

    settings = settings_of(arguments)
    with (
        open_store(arguments.uri, token()) as store,
        open_encoders(arguments.operators, settings, _parts(arguments, store)) as encoders,
        Digests(None) as digests,
        Reader(settings, digests, encoders.max_image_bytes) as reader,
        failures,
    ):
        reindex = Reindex(store, arguments.name, encoders, reader, failures, again=arguments.again)
        was_needed = reindex.is_needed
        with progress_bar(reindex.pictures, quiet=arguments.quiet) as bar:
            done = reindex.run(
                keep=arguments.keep,
                accept_losses=arguments.accept_losses,
                index_type=arguments.index_type,
                on_done=bar.update,
            )
        return done if was_needed else None
