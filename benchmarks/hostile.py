"""Attack a server while an honest caller measures it: one line for each attack.

    python -m benchmarks.hostile
    python -m benchmarks.hostile --only jpeg_of_tables --seconds 5
    git worktree add ../before COMMIT && python -m benchmarks.hostile --folder ../before --json before.json
    python -m benchmarks.hostile --json after.json && python -m benchmarks.hostile --table before.json after.json

For each attack a server is started with the defaults of ``OP_`` settings, over gRPC and HTTP on the loopback; addresses
of the loopback may be fetched from, so that the attacks with URLs work. An honest caller sends photographs at 30 % of
what the server can do: six calls of ten over gRPC, three over HTTP, and one with a URL, each with ten seconds of
patience. Health is asked for ten times a second over both protocols, on new connections. The honest caller and the
probes have an address of their own, as other machines have; ``--one-address`` gives them that of the attacker, as a
proxy does.

Times are of the honest caller, before, during and after the attack. "lost" are its calls that were refused or failed,
of all from the start of the attack on. "back" is how long after the attack the last call ended that was lost, or took
longer than twice the p99 of before and than half a second. "health" is the slowest answer during and after the attack;
"none" means that one was not answered within five seconds. "to halve" is how many requests of the attack a second it
takes until not half of the honest calls are answered within two seconds (``--halve``); an attack without requests has
none.
"""

from __future__ import annotations

import argparse
import inspect
import json
import resource
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import hostile_grpc, hostile_http, hostile_urls
from benchmarks.callers import drive
from benchmarks.honest import InProcess, Outcome, Target, call_steadily, probe_steadily
from benchmarks.hostile_http import Attack
from benchmarks.hostile_pictures import PICTURES
from benchmarks.hostile_rate import send_steadily
from benchmarks.photos import jpeg_photos
from benchmarks.report import machine_facts, markdown_table, percentile
from benchmarks.server_process import ROOT, ServerProcess, free_port
from visop.rpc import rpc_pb2

_SHARE, _QUIET_S, _SAMPLE_S = 0.3, 5.0, 0.2
_PICTURES_RATE = 2.0
_SLOW_S, _GOOD_S = 0.5, 2.0
_REQUESTS, _HALVING_S = (1.0, 4.0, 16.0, 64.0, 256.0), 5.0


@dataclass(frozen=True)
class Row:
    """What one attack did. Times are in seconds."""

    attack: str
    p50: list[float]
    p99: list[float]
    calls: int
    lost: dict[str, int]
    back_s: float
    mib: float
    health_s: dict[str, float | None]
    to_halve: float | None = None


@dataclass(frozen=True)
class Named:
    """An attack: its name, and what makes the function of an address and an event that ends it."""

    name: str
    prepare: Callable[[], Attack]
    over_http: bool = False
    files: int | None = None


@dataclass(frozen=True)
class _Aimed:
    """An attack that is ready, and the address that it is for."""

    name: str
    run: Attack
    address: str


def attacks() -> list[Named]:
    """Every attack, in the order of the table."""
    return [
        *(Named(name, partial(_of_pictures, make, count)) for name, (make, count) in PICTURES.items()),
        *(Named(name, partial(_as_it_is, attack)) for name, attack in hostile_urls.ATTACKS.items()),
        *(
            Named(name, partial(_as_it_is, attack), files=1024 if "connections" in name else None)
            for name, attack in hostile_grpc.ATTACKS.items()
        ),
        *(Named(name, partial(_as_it_is, attack), over_http=True) for name, attack in hostile_http.ATTACKS.items()),
    ]


def _as_it_is(attack: Attack) -> Attack:
    return attack


def _of_pictures(make: Callable[[], bytes], count: int) -> Attack:
    """Requests with the same picture, which is made here, because that may take seconds."""
    return partial(send_request, rpc_pb2.ExecuteRequest(images=[make()] * count).SerializeToString())


def send_request(request: bytes, address: str, stop: threading.Event, rate: float = _PICTURES_RATE) -> None:
    """Send the same request again and again."""
    send_steadily(address, stop, rate, lambda: request)


def main() -> None:
    """Print the table."""
    args = _parse_args()
    if args.table:
        print(_compared(*(json.loads(path.read_text()) for path in args.table)))
        return
    print(machine_facts(), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which stops the server
    _allow_many_files()
    photos = jpeg_photos()
    rate = args.rate or _SHARE * _capacity(args.folder, photos)
    print(f"{rate:.1f} honest calls/s; attacks of {args.seconds:g} s\n", flush=True)
    chosen = [each for each in attacks() if not args.only or each.name in args.only]
    rows = []
    for attack in chosen:
        rows.append(_row(args, attack, photos, rate))
        print(markdown_table(_HEADER, [_cells(rows[-1])]).splitlines()[-1], file=sys.stderr, flush=True)
        if args.json:
            args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    print(markdown_table(_HEADER, map(_cells, rows)))


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ", ".join(each.name for each in attacks())
    parser.add_argument("--only", nargs="+", metavar="ATTACK", help=f"of {names}")
    parser.add_argument("--seconds", type=float, default=8.0, help="that each attack lasts; default: 8")
    parser.add_argument("--rate", type=float, help="honest calls a second; default: 30 %% of what is measured")
    parser.add_argument("--halve", action="store_true", help="measure also what it takes to halve the honest calls")
    parser.add_argument("--one-address", action="store_true", help="all callers have the same address")
    parser.add_argument("--folder", type=Path, default=ROOT, help="of the checkout to attack; default: this one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    parser.add_argument("--table", type=Path, nargs=2, metavar="FILE", help="print a table of two such files, and end")
    return parser.parse_args()


def _allow_many_files() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def _serving(folder: Path, photos: Sequence[bytes], files: int | None = None) -> Iterator[tuple[ServerProcess, Target]]:
    http = f"127.0.0.1:{free_port()}"
    environ = {"OP_HTTP_ENDPOINT": http, "OP_FETCH_ALLOW": "127.0.0.0/8"}
    with ServerProcess(_limited(files) if files else ["server.py"], environ, folder=folder, stop_s=5) as server:
        server.wait(rpc_pb2.ExecuteRequest(images=photos).SerializeToString())
        yield server, Target(server.address, http)


def _limited(files: int) -> list[str]:
    """The arguments of Python for a server with so many file descriptors."""
    code = f"import resource, runpy; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}));"
    return ["-c", f"{code} runpy.run_path('server.py', run_name='__main__')"]


def _capacity(folder: Path, photos: Sequence[bytes]) -> float:
    """Calls per second that eight callers get answered."""
    requests = [rpc_pb2.ExecuteRequest(images=[photo]).SerializeToString() for photo in photos]
    with _serving(folder, photos) as (_, target):
        drive(target.grpc, requests, callers=8, seconds=2)
        return drive(target.grpc, requests, callers=8, seconds=4).rate


def _row(args: argparse.Namespace, attack: Named, photos: Sequence[bytes], rate: float) -> Row:
    run = attack.prepare()
    with _serving(args.folder, photos, attack.files) as (server, target):
        address = target.http if attack.over_http else target.grpc
        row = _measured(server, target, _Aimed(attack.name, run, address), photos, rate, args)
    if args.halve and "rate" in inspect.signature(run).parameters:
        row = replace(row, to_halve=_to_halve(args.folder, run, photos, rate))
    return row


def _measured(
    server: ServerProcess, target: Target, attack: _Aimed, photos: Sequence[bytes], rate: float, args: Any
) -> Row:
    source = "127.0.0.1" if args.one_address else "127.0.0.2"
    caller, prober = InProcess(call_steadily, target, photos, rate, source), InProcess(probe_steadily, target, source)
    time.sleep(_QUIET_S)
    with _peak_of(server) as peak:
        attacker = InProcess(attack.run, attack.address)
        begun = time.monotonic()
        time.sleep(args.seconds)
        ended = time.monotonic()
        attacker.end(10)
        time.sleep(_QUIET_S)
    probes, calls = prober.end(), caller.end()
    assert isinstance(probes, dict)
    assert isinstance(calls, list)
    return _summary(attack.name, calls, probes, begun, ended, max(peak))


@contextmanager
def _peak_of(server: ServerProcess) -> Iterator[list[float]]:
    found, over = [server.tree_mib()], threading.Event()

    def watch() -> None:
        while not over.wait(_SAMPLE_S):
            found.append(server.tree_mib())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def _summary(
    name: str, calls: list[Outcome], probes: dict[str, list[Outcome]], begun: float, ended: float, mib: float
) -> Row:
    phases = (
        [each for each in calls if each.at < begun],
        [each for each in calls if begun <= each.at < ended],
        [each for each in calls if each.at >= ended],
    )
    p50, p99 = ([percentile([each.seconds for each in phase] or [0.0], of) for phase in phases] for of in (50, 99))
    slow_s = max(_SLOW_S, 2 * p99[0])
    late = [each.at + each.seconds - ended for each in calls if each.error or each.seconds > slow_s]
    suffered = [each for each in calls if each.at >= begun]
    return Row(
        name,
        p50,
        p99,
        len(suffered),
        dict(Counter(each.error for each in suffered if each.error)),
        max([0.0, *late]),
        mib,
        {protocol: _slowest([each for each in asked if each.at >= begun]) for protocol, asked in probes.items()},
    )


def _slowest(probes: Sequence[Outcome]) -> float | None:
    return None if any(each.error for each in probes) else max(each.seconds for each in probes)


def _to_halve(folder: Path, attack: Attack, photos: Sequence[bytes], rate: float) -> float | None:
    """The smallest power of four of requests a second that halves the honest calls; None if the largest does not."""
    with _serving(folder, photos) as (_, target):
        for requests in _REQUESTS:
            caller = InProcess(call_steadily, target, photos, rate, "127.0.0.2")
            attacker = InProcess(partial(_at_rate, attack, requests), target.grpc)
            begun = time.monotonic()
            time.sleep(_HALVING_S)
            attacker.end(10)
            calls = caller.end()
            assert isinstance(calls, list)
            answered = [not each.error and each.seconds < _GOOD_S for each in calls if each.at >= begun]
            if sum(answered) < len(answered) / 2:
                return requests
    return None


def _at_rate(attack: Callable[..., None], rate: float, address: str, stop: threading.Event) -> None:
    attack(address, stop, rate=rate)


_HEADER = (
    "attack",
    *("p50 ms before", "during", "after"),
    *("p99 ms before", "during", "after"),
    *("lost", "back s", "MiB", "health gRPC s", "HTTP s", "to halve /s"),
)


def _cells(row: Row) -> tuple[str, ...]:
    lost = f"{sum(row.lost.values())} of {row.calls}"
    health = (f"{seconds:.2f}" if seconds is not None else "none" for seconds in row.health_s.values())
    times = (f"{1000 * each:.0f}" for each in (*row.p50, *row.p99))
    halve = f"{row.to_halve:g}" if row.to_halve else "-"
    return (row.attack, *times, lost, f"{row.back_s:.1f}", f"{row.mib:.0f}", *health, halve)


def _compared(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> str:
    """A table in which each cell has what was measured in the one file, an arrow, and what was in the other."""
    old = {row["attack"]: _short(Row(**row)) for row in before}
    rows = [
        (row["attack"], *(f"{was} → {now}" for was, now in zip(old[row["attack"]], _short(Row(**row)), strict=True)))
        for row in after
        if row["attack"] in old
    ]
    return markdown_table(("attack", "p50 ms", "p99 ms", "lost", "back s", "MiB", "health gRPC s", "HTTP s"), rows)


def _short(row: Row) -> tuple[str, ...]:
    lost = sum(row.lost.values())
    health = (f"{seconds:.2f}" if seconds is not None else "none" for seconds in row.health_s.values())
    share = f"{100 * lost / row.calls:.0f} %" if lost else "0"
    return (
        f"{1000 * row.p50[1]:.0f}",
        f"{1000 * row.p99[1]:.0f}",
        share,
        f"{row.back_s:.1f}",
        f"{row.mib:.0f}",
        *health,
    )


if __name__ == "__main__":
    main()
