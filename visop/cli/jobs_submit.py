"""``visop jobs submit``: pictures of this machine, addresses, or what the service itself can read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visop.cli.console import FAILED, complain_of_inputs, imports, note, resumable, tell_retries
from visop.cli.flags import Commands, add_command
from visop.cli.folder_flags import FOLDER_NOTES, add_folder_flags, find_options, tell_passed
from visop.cli.index_flags import token, uri_of
from visop.cli.service_flags import add_json_flag, add_service_flag, open_service, print_json
from visop.errors import UsageError

if TYPE_CHECKING:
    from visop.analyses.service_client import ServiceClient

_MAX_PICTURE_BYTES = 1 << 30  # the service has its own limit, and says so of each picture

_KEPT = "What the service has is kept; the same command goes on from there."

_NOTES = f"""\
Pictures of this machine are uploaded, and those of an index too. What has an address, http(s):// or s3:// or gs://, is
fetched by the service. --folder is of the machine of the service. That and s3:// or gs:// have to be below what
VISOP_FOLDERS of the service names. The same command again, with the same pictures, is the same job: it goes on where it
stopped, and submits nothing twice. --again makes another one.

{FOLDER_NOTES}

exit status:
  0 all analysed, or with --detach submitted    1 some pictures failed    2 wrong usage    3 not finished    130 Ctrl-C

examples:
  visop jobs submit ~/Pictures                                       upload a folder, and follow the job
  visop jobs submit ~/Pictures --operator faces --operator embedded --name holiday --detach
  visop jobs submit https://example.org/1.jpg https://example.org/2.jpg
  visop jobs submit s3://bucket/2026/                                the service reads it
  visop jobs submit --folder /srv/pictures                           a folder of the service's machine
  visop jobs submit --index pictures --uri visop.db                  the pictures of an index of this machine
"""


def add_submit(actions: Commands, watch: Callable[[argparse.Namespace, int], int]) -> None:
    """Add ``submit``; ``watch`` follows a job by its number, and is the exit status."""
    parser = add_command(
        actions, "submit", lambda given: submit(given, watch), "have pictures analysed as a job", _NOTES
    )
    told = "folders, files, LIST.txt or LIST.csv; or http(s) URLs; or one s3:// or gs:// prefix"
    parser.add_argument("inputs", nargs="*", metavar="INPUT", help=told)
    parser.add_argument("--list", type=Path, metavar="FILE", help="more files or URLs, one per line; - is stdin")
    elsewhere = parser.add_mutually_exclusive_group()
    elsewhere.add_argument(
        "--folder", metavar="PATH", help="a folder of the machine of the service, in place of inputs"
    )
    elsewhere.add_argument("--index", metavar="NAME", help="the pictures of an index, in place of inputs")
    parser.add_argument("--uri", metavar="PATH_OR_URL", help="where that index is, as for `visop index`")
    operator = "an operator, by its name there; repeat it for more (default: all that the service has)"
    parser.add_argument("--operator", dest="operators", action="append", default=[], metavar="NAME", help=operator)
    parser.add_argument("--name", default="", metavar="TEXT", help="what the job is called")
    parser.add_argument("--webhook", metavar="URL", help="is told when the job has ended, by a signed request")
    parser.add_argument("--again", action="store_true", help="another job, although these pictures have one")
    parser.add_argument("--detach", action="store_true", help="do not follow the job once it is submitted")
    parser.add_argument("--quiet", action="store_true", help="no bar and no summary")
    add_folder_flags(parser)
    add_json_flag(parser)
    add_service_flag(parser)


def submit(arguments: argparse.Namespace, watch: Callable[[argparse.Namespace, int], int]) -> int:
    """Submit a job, and follow it unless it is detached; the exit status."""
    if not arguments.quiet:
        tell_retries()
    names = _names(arguments)
    source = _source(arguments, names)
    submitted: list[dict[str, Any]] = []
    status = resumable(lambda: _submit(arguments, source, names, submitted.append), _KEPT)
    if not submitted or arguments.detach:
        return status
    return max(status, watch(arguments, submitted[0]["id"]))


def _names(arguments: argparse.Namespace) -> list[str]:
    """The files and addresses that are meant; none where the service itself looks."""
    from visop.sources import find_inputs, read_list

    if arguments.folder or arguments.index:
        _check_alone(arguments)
        return _names_of_index(arguments) if arguments.index else []
    if _prefix(arguments.inputs):
        return []
    found = find_inputs(arguments.inputs, find_options(arguments), keep_unreadable=True)
    tell_passed(found.passed, quiet=arguments.quiet)
    names = found.names + (read_list(arguments.list) if arguments.list else [])
    if not names:
        raise UsageError("", "", "nothing to submit: no pictures in the folders, and no files or URLs")
    return names


def _names_of_index(arguments: argparse.Namespace) -> list[str]:
    """The files or addresses of the pictures of an index, one of each."""
    with imports("to read an index: pip install 'visop[search]'"):
        from visop.search.place import check_there
        from visop.search.store import open_store
    uri = uri_of(arguments)
    check_there(uri)
    with open_store(uri, token()) as store:
        return [picture.names[0] for page in store.find(arguments.index).pictures() for picture in page]


def _check_alone(arguments: argparse.Namespace) -> None:
    if arguments.inputs or arguments.list:
        raise UsageError("folder" if arguments.folder else "index", "", "stands alone, without inputs")


def _prefix(inputs: Sequence[str]) -> str:
    """The prefix of object storage that is meant, if one is."""
    found = [each for each in inputs if each.startswith(("s3://", "gs://"))]
    if found and len(inputs) > 1:
        raise UsageError("", found[0], "a prefix of object storage is a job of its own")
    return found[0] if found else ""


def _source(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """Where the pictures of the job come from, as the service takes it."""
    from visop.sources import is_url

    if arguments.folder:
        return {"kind": "folder", "path": arguments.folder}
    if not names:
        return {"kind": "prefix", "address": _prefix(arguments.inputs)}
    urls = [name for name in names if is_url(name)]
    if urls and len(urls) < len(names):
        raise UsageError("", urls[0], "addresses and files are jobs of their own")
    return {"kind": "urls", "urls": urls} if urls else {"kind": "upload"}


def _submit(
    arguments: argparse.Namespace,
    source: dict[str, Any],
    names: Sequence[str],
    on_submitted: Callable[[dict[str, Any]], object],
) -> int:
    from visop.analyses.submission import key_of

    wanted = {"source": source, "operators": arguments.operators, "name": arguments.name, "webhook": arguments.webhook}
    wanted = {name: value for name, value in wanted.items() if value}
    key = _new_key() if arguments.again else key_of(names, sorted(wanted.items(), key=str))
    with open_service(arguments) as service:
        job = service.call("POST", "jobs", wanted, headers={"Idempotency-Key": key})
        status, job = _upload(arguments, service, job, names) if source["kind"] == "upload" else (0, job)
    on_submitted(job)
    _report(arguments, job)
    return status


def _new_key() -> str:
    import secrets

    return secrets.token_hex(16)


def _upload(
    arguments: argparse.Namespace, service: ServiceClient, job: dict[str, Any], names: Sequence[str]
) -> tuple[int, dict[str, Any]]:
    """Upload what the job does not have yet; the exit status, and the job."""
    from collections import Counter

    from visop.analyses.submission import submit_pictures
    from visop.progress import progress_bar

    if job["total"] is not None:  # all of it is there, of an earlier run
        return 0, job
    with progress_bar(len(names), quiet=arguments.quiet) as bar:
        sent = submit_pictures(service, job, names, _MAX_PICTURE_BYTES, bar.update)
    if not sent.unreadable:
        return 0, sent.job
    reasons = Counter(str(error) for error in sent.unreadable.values())
    complain_of_inputs(f"{len(sent.unreadable)} of {len(names)} pictures could not be read here", reasons)
    return FAILED, sent.job


def _report(arguments: argparse.Namespace, job: dict[str, Any]) -> None:
    if arguments.json:
        if arguments.detach:
            print_json(job)
    elif not arguments.quiet:
        count = "" if job["total"] is None else f", {job['total']} pictures"
        sys.stdout.write(f"job {job['id']}: {job['state']}{count}\n")
        if arguments.detach:
            note(f"visop jobs watch {job['id']} follows it")
