"""``visop jobs``: many pictures analysed by a running service, followed, stopped, and their results fetched."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visop.cli.console import FAILED, UNFINISHED, complain, note
from visop.cli.flags import Commands, add_command, whole
from visop.cli.jobs_submit import add_submit
from visop.cli.service_flags import (
    EXIT_STATUS,
    add_group,
    add_json_flag,
    add_service_flag,
    number_of,
    open_service,
    print_json,
    print_rows,
    shown_error,
    shown_moment,
)
from visop.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOTES = """\
A job is many pictures that a service analyses, one after another, while others may use it, too. It goes on when the
command that submitted it has ended; a machine that was lost is no reason to begin again. docs/how-to/analyses.md says
how the service is started.

examples:
  visop jobs submit ~/Pictures --operator faces      have a folder analysed, and follow it
  visop jobs list
  visop jobs watch 3                                 follow a job, with a bar
  visop jobs pause 3                                 and resume, cancel, retry
  visop jobs results 3 --out faces.parquet           what was found
"""

_WATCH_NOTES = f"""\
Ctrl-C stops watching; the job goes on.

{EXIT_STATUS}
examples:
  visop jobs watch 3
  visop jobs watch 3 --json > job.json               wait for its end, as in a script
"""

_RESULTS_NOTES = """\
NDJSON has a record per line, as `visop analyses show --json` prints it, and Parquet a row per picture and operator.

exit status:
  0 written    1 no such job    2 wrong usage    3 not finished    130 Ctrl-C

examples:
  visop jobs results 3 | jq -r 'select(.state == "failed") | [.source, .error.detail] | @tsv'
  visop jobs results 3 --out found.parquet
  visop jobs results 3 --out failed.ndjson --state failed
"""

# What becomes of a job -> what is asked of the service, and what is said.
_CHANGES: dict[str, tuple[dict[str, str], str, str]] = {
    "pause": ({"state": "paused"}, "pause a job: what runs is finished, nothing new begins", "paused"),
    "resume": ({"state": "queued"}, "go on with a job that was paused", "resumed"),
    "cancel": ({"state": "cancelled"}, "cancel a job: results that are there stay", "cancelled"),
    "retry": ({"retry": "failed"}, "analyse again what failed in a job", "tried again"),
}


def add_parser(commands: Commands) -> None:
    """Add ``jobs`` and its actions to the commands of ``visop``."""
    actions = add_group(commands, "jobs", "have a running service analyse many pictures", _NOTES)
    add_submit(actions, watch_job)
    parser = add_command(actions, "list", list_them, "list jobs, the newest first", EXIT_STATUS)
    parser.add_argument("--limit", type=whole(1), default=20, metavar="N", help="at most so many (default 20)")
    add_json_flag(parser)
    add_service_flag(parser)
    parser = _add_one(actions, "watch", watch, "follow a job to its end", _WATCH_NOTES)
    add_json_flag(parser)
    parser.add_argument("--quiet", action="store_true", help="no bar")
    for name, (_, summary, _) in _CHANGES.items():
        _add_one(actions, name, change, summary, f"{EXIT_STATUS}\nexamples:\n  visop jobs {name} 3\n")
    _add_results(actions)


def _add_one(actions: Commands, name: str, run: Any, summary: str, notes: str) -> Any:
    parser = add_command(actions, name, run, summary, notes)
    parser.add_argument("id", type=number_of, metavar="ID", help="its number, as `list` prints it")
    add_service_flag(parser)
    return parser


def _add_results(actions: Commands) -> None:
    parser = _add_one(actions, "results", results, "fetch the results of a job, also while it runs", _RESULTS_NOTES)
    where = "FILE.ndjson or FILE.parquet (default: NDJSON on stdout)"
    parser.add_argument("--out", type=Path, metavar="FILE", help=where)
    forms = "what it is, if the name of the file does not say it"
    parser.add_argument("--format", choices=("ndjson", "parquet"), help=forms)
    parser.add_argument("--state", choices=("done", "failed", "cancelled"), help="only those in this state")


def list_them(arguments: argparse.Namespace) -> int:
    """Print jobs; the exit status."""
    with open_service(arguments) as service:
        jobs = list(service.list("jobs", "jobs", arguments.limit, limit=min(arguments.limit, 100)))
    if arguments.json:
        print_json(jobs)
    elif jobs:
        print_rows([("id", "created", "state", "ended", "failed", "name"), *map(_row, jobs)])
    else:
        note("there are no jobs")
    return 0


def _row(job: dict[str, Any]) -> tuple[str, ...]:
    ended = f"{_ended(job)}/{'?' if job['total'] is None else job['total']}"
    created, failed = shown_moment(job["created"]), str(job["counts"]["failed"])
    return str(job["id"]), created, job["state"], ended, failed, shown_error(job.get("error")) or job.get("name") or ""


def _ended(job: dict[str, Any]) -> int:
    return sum(job["counts"][state] for state in ("done", "failed", "cancelled"))


def change(arguments: argparse.Namespace) -> int:
    """Pause, resume, cancel or retry; the exit status."""
    value, _, told = _CHANGES[arguments.action]
    with open_service(arguments) as service:
        job = service.call("PATCH", f"jobs/{arguments.id}", value)
    sys.stdout.write(f"job {job['id']}: {told}, now {job['state']}; {_spoken(job)}\n")
    return 0


def watch(arguments: argparse.Namespace) -> int:
    """Follow a job to its end; the exit status."""
    return watch_job(arguments, arguments.id)


def watch_job(arguments: argparse.Namespace, number: int) -> int:
    """Follow a job, with a bar, and say how it ended; the exit status."""
    from visop.progress import progress_bar

    job: dict[str, Any] = {}
    with open_service(arguments) as service, progress_bar(None, quiet=arguments.quiet or arguments.json) as bar:
        for job in service.follow(f"jobs/{number}", "job"):
            bar.total = job["total"]
            bar.set_postfix(failed=job["counts"]["failed"], state=job["state"], refresh=False)
            bar.update(_ended(job) - bar.n)
    if arguments.json:
        print_json(job)
    else:
        sys.stdout.write(f"job {number}: {job['state']}; {_spoken(job)}\n")
    return _status(job)


def _spoken(job: dict[str, Any]) -> str:
    counts = (f"{count} {state}" for state, count in job["counts"].items() if count)
    return ", ".join(counts) or "no pictures yet"


def _status(job: dict[str, Any]) -> int:
    if job["state"] == "failed":
        return complain(f"job {job['id']} failed: {shown_error(job.get('error'))}", FAILED)
    if job["state"] == "cancelled":
        return UNFINISHED
    return FAILED if job["counts"]["failed"] else 0


def results(arguments: argparse.Namespace) -> int:
    """Fetch results into a file, or print them; the exit status."""
    form = arguments.format or _form_of(arguments.out)
    with open_service(arguments) as service:
        query = {"format": form, "state": arguments.state}
        parts = service.stream(f"jobs/{arguments.id}/results", "*/*", **query)
        if arguments.out is None:
            sys.stdout.buffer.writelines(parts)
        else:
            _write(arguments.out, parts)
    return 0


def _form_of(file: Path | None) -> str:
    if file is None or file.suffix in (".ndjson", ".jsonl"):
        return "ndjson"
    if file.suffix == ".parquet":
        return "parquet"
    raise UsageError("out", file, "its name must end in .ndjson or .parquet, or say --format")


def _write(file: Path, parts: Iterator[bytes]) -> None:
    from visop.files import whole_file

    try:
        with whole_file(file) as out:
            out.writelines(parts)
    except OSError as error:
        raise UsageError("out", file, f"cannot be written: {error.strerror}") from None
