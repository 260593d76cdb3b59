"""``visop index``: make pictures searchable. What it needs is imported when it runs."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from visop.cli.console import complain_of_inputs, note, resumable, tell_retries
from visop.cli.flags import Commands, add_command
from visop.cli.folder_flags import FOLDER_NOTES, add_folder_flags, find_options, tell_passed
from visop.cli.index_flags import (
    EXIT_STATUS,
    add_encoder_flags,
    add_errors_flag,
    add_index_flags,
    add_keep_originals,
    add_parts_flag,
    open_index,
    uri_of,
)
from visop.part_scheme import spoken_parts
from visop.sources import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from visop.search.absent_disks import Away
    from visop.search.attribute_table import AttributeTable
    from visop.search.failures import Failures
    from visop.search.index import Added
    from visop.search.plan import Plan

_NOTES = f"""\
A picture is known by its content: indexing a folder again encodes only what is new, a renamed file is not encoded
again, and the same picture under two names is one entry with two names. A picture that cannot be read never stops a
run.

{FOLDER_NOTES}

A LIST.txt has a path or a URL per line, relative to the working folder; # begins a comment. In a table, LIST.csv, .tsv
or .jsonl, the column is found by its header (image_path, filename, url, ...) or by what is in it. A URL is fetched
once: the index keeps what it showed then.

It works while `visop run` or other commands use the same index. With `-e 127.0.0.1:50051`, the operator of `visop run`
encodes, and no second encoder is loaded.

With --keep-originals, the index has a copy of each picture, in a folder of its own or in object storage, and uses it
when the file or URL is gone: search pages show it, `visop reindex` encodes it. The index remembers the place. What is
removed from the index is deleted there. Credentials come from the environment, as other programs find them:
AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, GOOGLE_APPLICATION_CREDENTIALS.

{EXIT_STATUS}
examples:
  visop index pictures/                                      into visop.db, with the encoder in this process
  visop index pictures/ scans/ --index family --uri family.db --prune
  visop index pictures/ --parts regions:10                   so that cut-outs are found; 10 rows a picture
  visop index shop/ --attributes shop.csv                    then search with --filter 'price < 20'
  visop index urls.csv --keep-originals s3://bucket/pictures for when they are gone: pip install 'visop[s3]'
  visop index urls.csv --uri http://milvus:19530 -e 10.0.0.7:50051 -e 10.0.0.8:50051
"""


def add_parser(commands: Commands) -> None:
    """Add ``index`` to the commands of ``visop``."""
    parser = add_command(commands, "index", run, "make pictures searchable, or bring an index up to date", _NOTES)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="folders, files, http(s) URLs, LIST.txt, LIST.csv")
    add_index_flags(parser)
    add_parts_flag(parser)
    add_folder_flags(parser)
    gone = "remove pictures that are no longer in the folders given"
    parser.add_argument("--prune", dest="prune_folders", action="store_true", help=gone)
    away = "also remove those of folders that lost most of their pictures, such as a disk that is not mounted"
    parser.add_argument("--prune-missing", action="store_true", help=away)
    again = "read all files and fetch all URLs again, also those that seem not to have changed"
    parser.add_argument("--reread", action="store_true", help=again)
    add_keep_originals(parser)
    add_errors_flag(parser)
    parser.add_argument(
        "--index-type",
        default="auto",
        metavar="TYPE",
        help="FLAT, HNSW, IVF_FLAT, IVF_SQ8, DISKANN, ..., with parameters as HNSW:M=32,efConstruction=400 "
        "(default auto: FLAT while that is quick, then HNSW)",
    )
    parser.add_argument(
        "--attributes",
        type=Path,
        metavar="FILE.csv",
        help="attributes of pictures, for filters: a table, .csv, .tsv or .jsonl, with a header; one column names the "
        "pictures, and the others are attributes, whose types are found (string, number, boolean, time) or said as "
        "`price:number`",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no summary")
    add_encoder_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Index, with a bar; the exit status."""
    from visop.search.failures import Failures, default_list

    if not arguments.quiet:
        tell_retries()
    failures = Failures(arguments.errors or default_list(uri_of(arguments), arguments.name))
    return resumable(lambda: _index(arguments, failures))


def _index(arguments: argparse.Namespace, failures: Failures) -> int:
    from visop.search.attribute_table import AttributeTable

    table = AttributeTable.read(arguments.attributes) if arguments.attributes else None
    added = _add(arguments, failures, table)
    if not arguments.quiet:
        sys.stdout.write(_summary(arguments, added))
    tell_passed(added.passed, quiet=arguments.quiet)
    _tell_of_parts(arguments, added)
    if added.away:
        note(_kept(added.away))
    if added.failed or added.wrong_attributes:
        return complain_of_inputs(f"{_failed(added)}; {failures.path} says why", failures.reasons)
    return 0


def _failed(added: Added) -> str:
    """Say how much could not be done."""
    inputs = f"{added.failed} input{'s' * (added.failed != 1)} failed"
    wrong = f"{added.wrong_attributes} attribute{'s' * (added.wrong_attributes != 1)} could not be kept"
    return ", ".join([inputs] * bool(added.failed) + [wrong] * bool(added.wrong_attributes))


def _kept(away: Sequence[Away]) -> str:
    """Say what was not pruned."""
    places = "".join(f"\n  {printable(each.folder)}: {each.missing}" for each in away)
    count = sum(each.missing for each in away)
    return (
        f"{count} missing pictures were not pruned: their folders lost most of what they had, as a disk does that is "
        f"not mounted. If they are gone for good, --prune-missing takes them out:{places}"
    )


def _add(arguments: argparse.Namespace, failures: Failures, table: AttributeTable | None) -> Added:
    from visop.progress import progress_bar

    with (
        open_index(arguments, create=True) as index,
        progress_bar(None, quiet=arguments.quiet) as bar,
    ):
        added = index.add(
            arguments.inputs,
            options=find_options(arguments),
            prune_folders=arguments.prune_folders,
            prune_missing=arguments.prune_missing,
            reread=arguments.reread,
            index_type=arguments.index_type,
            attributes=table,
            failures=failures,
            on_plan=lambda plan: _tell_cost(plan, quiet=arguments.quiet),
            on_start=bar.reset,
            on_done=bar.update,
        )
        if table and not arguments.quiet:
            note(f"attributes of {arguments.attributes.name}: {_spoken(table.types(index.collection.attributes))}")
        return added


def _spoken(types: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({type_})" for name, type_ in types.items())


def _tell_of_parts(arguments: argparse.Namespace, added: Added) -> None:
    """Where nobody said anything about parts and there are none, say how there would be some."""
    if not arguments.quiet and added.new and not added.parts and arguments.parts is None and sys.stderr.isatty():
        note("to find cut-outs and small objects, too: `visop reindex --parts regions:10` makes parts of this index")


def _tell_cost(plan: Plan, *, quiet: bool) -> None:
    """Say before the run begins what parts cost."""
    if quiet or not plan.parts or plan.inputs <= plan.there:  # what is known costs next to nothing
        return
    one, inputs = plan.of_one, plan.inputs
    duration, rows = _spoken_time(one.seconds * inputs), "one row" if one.rows == 1 else f"{one.rows} rows"
    note(
        f"in parts ({spoken_parts(plan.parts)}): about {rows} and {one.seconds:.2g} s for each new picture, "
        f"up to {one.rows * inputs:,} rows and {duration} for {inputs:,}"
    )


def _spoken_time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(math.ceil(seconds), 1)} s"
    return f"{seconds / 60:.1f} minutes" if seconds <= 90 * 60 else f"{seconds / 3600:.1f} hours"


def _summary(arguments: argparse.Namespace, added: Added) -> str:
    from visop.search.place import shown_uri

    facts = [f"{added.new} new", f"{added.known} known already"]
    facts += [f"{added.named} of them under new names"] if added.named else []
    facts += [f"{added.attributed} with new attributes"] if arguments.attributes else []
    facts += [f"{added.removed} removed"] if arguments.prune_folders or arguments.prune_missing else []
    facts += [f"originals kept in {printable(added.originals)}"] if added.originals else []
    return f"{shown_uri(arguments.uri)}, index {arguments.name}: {', '.join(facts)}\n"
