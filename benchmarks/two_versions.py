"""Compare the service of two checkouts: pictures per second over gRPC, and processor time for each picture.

    git worktree add ../before COMMIT
    python -m benchmarks.two_versions --before ../before
    python -m benchmarks.two_versions --before ../before --rounds 1 --seconds 1   # a quick check that it still runs

Both servers run with the same encoder and the same JPEGs, started by the same Python. They take turns in every round,
each idle while the other is measured, so that changes of the machine's speed affect both. Each request has one picture
in ``images``. The processor time is that of the server and of the processes that it started. Values are medians over
the rounds, with the range; ratios are computed within each round.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.callers import drive
from benchmarks.photos import jpeg_photos
from benchmarks.report import machine_facts, markdown_table, median_and_range
from benchmarks.server_process import ROOT, ServerProcess
from visop.rpc import rpc_pb2

_WARM_UP_S = 3.0


@dataclass(frozen=True)
class Turn:
    """What one server did in one round: pictures per second, and milliseconds of processor time for each."""

    rate: float
    cpu_ms: float


def main() -> None:
    args = _parse_args()
    print(machine_facts(), flush=True)
    with tempfile.TemporaryDirectory() as cache:
        environ = {"OP_MODEL": args.model, "OP_CACHE_DIR": cache}
        with _server(args.before, environ) as before, _server(ROOT, environ) as after:
            turns = _measured(args, {"before": before, "after": after})
    print(f"{args.model}; {args.callers} callers; {args.rounds} rounds of {args.seconds:g} s\n")
    header = ("megapixels", "pictures/s before", "after", "ratio", "CPU ms before", "after", "ratio")
    print(markdown_table(header, [_row(size, turns) for size in args.megapixels]))


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, metavar="FOLDER", help="the other checkout")
    parser.add_argument("--model", default="embedded", help="default: embedded, the lightest")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[0.2, 1], metavar="M", help="default: 0.2 1")
    parser.add_argument("--callers", type=int, default=8, help="default: 8")
    parser.add_argument("--rounds", type=int, default=9, help="default: 9")
    parser.add_argument("--seconds", type=float, default=6, help="for each server, size and round; default: 6")
    return parser.parse_args()


def _server(folder: Path, environ: dict[str, str]) -> ServerProcess:
    return ServerProcess(["server.py"], environ, folder=folder)


def _measured(args: argparse.Namespace, servers: dict[str, ServerProcess]) -> dict[tuple[float, str], list[Turn]]:
    turns = defaultdict(list)
    requests = {size: _requests(size) for size in args.megapixels}
    for server in servers.values():
        server.wait(requests[args.megapixels[0]][0])
        drive(server.address, requests[args.megapixels[0]], callers=args.callers, seconds=_WARM_UP_S)
    for number in range(args.rounds):
        for size in args.megapixels:
            for name in list(servers)[:: 1 if number % 2 else -1]:
                turns[size, name].append(_turn(servers[name], requests[size], args.callers, args.seconds))
                print(f"round {number + 1}, {size:g}, {name}: {turns[size, name][-1]}", file=sys.stderr, flush=True)
    return turns


def _requests(megapixels: float) -> list[bytes]:
    return [rpc_pb2.ExecuteRequest(images=[photo]).SerializeToString() for photo in jpeg_photos(megapixels)]


def _turn(server: ServerProcess, requests: Sequence[bytes], callers: int, seconds: float) -> Turn:
    before_s = server.cpu_s()
    load = drive(server.address, requests, callers=callers, seconds=seconds)
    return Turn(load.rate, 1000 * (server.cpu_s() - before_s) / len(load.latencies_s))


def _row(size: float, turns: dict[tuple[float, str], list[Turn]]) -> tuple[str, ...]:
    before, after = turns[size, "before"], turns[size, "after"]
    pairs = list(zip(before, after, strict=True))
    return (
        f"{size:g}",
        *(median_and_range([turn.rate for turn in side], lambda rate: f"{rate:.0f}") for side in (before, after)),
        f"{statistics.median(new.rate / old.rate for old, new in pairs):.3f}",
        *(median_and_range([turn.cpu_ms for turn in side], lambda ms: f"{ms:.2f}") for side in (before, after)),
        f"{statistics.median(new.cpu_ms / old.cpu_ms for old, new in pairs):.3f}",
    )


if __name__ == "__main__":
    main()
