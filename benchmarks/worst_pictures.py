"""Search for the picture file that costs most: processor time, memory, time for each byte, and for one request.

    python -m benchmarks.worst_pictures --minutes 60
    python -m benchmarks.worst_pictures --minutes 0 --formats PNG GIF    # the seeds only
    python -m benchmarks.worst_pictures --keep worst/                    # write the worst file of each row there

Seeds in every format and mode, of a quarter of a megapixel and of 67 (flat, so that the files are small), are mutated:
numbers are changed, bytes moved, pieces repeated. Each file is decoded at full size, as the server does it: in a
process of its own with the server's limits on memory and time. What the kernel counted for that process decides which
files are mutated further. The exit status is 1 if a file took more than ``--most-s`` seconds or ``--most-mib`` MiB.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.costly_seeds import seeds
from benchmarks.mutations import INTERESTING, MUTATIONS, damaged
from benchmarks.report import machine_facts, markdown_table
from visop.errors import VisopError
from visop.images.decode import ImageLimits, decode_image
from visop.images.decode_server import limit_memory
from visop.settings import Settings

_LARGE_SHARE = 0.05  # of the tries are mutations of large seeds, which take as long as all the others
_KEPT = 8
_MIB = 2**20


@dataclass(frozen=True)
class Cost:
    """What one file took: seconds of processor time, MiB beyond what the process had before, and what was said."""

    seconds: float
    mib: float
    said: str


@dataclass
class Row:
    """The files of one format and mode."""

    name: str
    tried: int = 0
    pool: list[tuple[float, bytes]] = field(default_factory=list)
    slowest: tuple[Cost, bytes] = (Cost(0, 0, ""), b"")
    largest: tuple[Cost, bytes] = (Cost(0, 0, ""), b"")
    request_s: float = 0.0

    def add(self, data: bytes, cost: Cost, settings: Settings) -> None:
        """Take note of what a file costs."""
        self.tried += 1
        self.slowest = max(self.slowest, (cost, data), key=lambda each: each[0].seconds)
        self.largest = max(self.largest, (cost, data), key=lambda each: each[0].mib)
        count = min(settings.max_items, settings.max_message_bytes // max(1, len(data)))
        self.request_s = max(self.request_s, count * cost.seconds)
        self.pool = sorted([*self.pool, (cost.seconds, data)], key=lambda each: -each[0])[:_KEPT]


def main() -> None:
    args = _parse_args()
    settings = Settings()
    print(machine_facts(), flush=True)
    os.nice(10)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        rows = _search(args, lambda data: pool.apply(measured, (data, settings)), settings)
    _report(args, rows)


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="default: 60")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument("--formats", nargs="+", default=[], metavar="NAME", help="how rows begin; default: all")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the worst files are written")
    parser.add_argument("--most-s", type=float, default=4.0, help="default: 4")
    parser.add_argument("--most-mib", type=float, default=1200.0, help="default: 1200")
    return parser.parse_args()


def _search(args: argparse.Namespace, measure: Callable[[bytes], Cost], settings: Settings) -> list[Row]:
    rng = random.Random(args.seed)
    groups: list[list[Row]] = [[], []]
    for is_large, group in enumerate(groups):
        for name, data in seeds(large=bool(is_large), only=args.formats):
            group.append(Row(f"{name}, 67 MP" if is_large else name))
            group[-1].add(data, measure(data), settings)
    end = time.monotonic() + 60 * args.minutes
    while time.monotonic() < end:
        row = rng.choice(groups[rng.random() < _LARGE_SHARE])
        data = _mutated(rng.choice(row.pool)[1], rng)
        row.add(data, measure(data), settings)
    return [row for group in groups for row in group]


def measured(data: bytes, settings: Settings) -> Cost:
    """Decode a file in a process of its own, forked from this one, which should have little memory."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        _decode(data, settings, sending)
    os.close(sending)
    with os.fdopen(receiving, "rb") as file:
        said = file.read().decode()
    _, status, usage = os.wait4(child, 0)
    if not said:
        return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, f"killed by signal {status & 127}")
    seconds, mib, said = said.split("\n", 2)
    return Cost(float(seconds), float(mib), said)


def _decode(data: bytes, settings: Settings, sending: int) -> None:
    limits = ImageLimits.of(settings)
    limit_memory(max(limits.max_bytes, 3 * limits.max_pixels), limits)
    before_s, before_mib = time.process_time(), _resident_mib("VmRSS")
    signal.setitimer(signal.ITIMER_PROF, settings.decode_timeout_s)
    said = "decoded"
    try:
        decode_image(data, limits)
    except VisopError as error:
        said = str(error)
    cost = f"{time.process_time() - before_s}\n{max(0, _resident_mib('VmHWM') - before_mib)}\n{said}"
    os.write(sending, cost.encode())
    os._exit(0)


def _resident_mib(field_name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field_name)) / 1024


def _mutated(data: bytes, rng: random.Random) -> bytes:
    def change() -> tuple[str, int, int]:
        value = rng.choice(INTERESTING) if rng.random() < 0.5 else rng.randrange(2**32)
        return rng.choice(MUTATIONS), rng.randrange(2 * len(data) + 2), value

    return damaged(data, [change() for _ in range(rng.randint(1, 4))])[: Settings().max_image_bytes]


def _report(args: argparse.Namespace, rows: list[Row]) -> None:
    header = ("seed", "files", "most CPU s", "bytes of it", "most MiB", "most CPU s per request", "the slowest is")
    cells = [
        (
            row.name,
            f"{row.tried:,}",
            f"{row.slowest[0].seconds:.2f}",
            f"{len(row.slowest[1]):,}",
            f"{row.largest[0].mib:.0f}",
            f"{row.request_s:.0f}",
            row.slowest[0].said[:60],
        )
        for row in sorted(rows, key=lambda row: -row.slowest[0].seconds)
    ]
    print(f"\n{sum(row.tried for row in rows):,} files, {args.minutes:g} minutes\n\n{markdown_table(header, cells)}")
    for row in rows if args.keep else []:
        args.keep.mkdir(parents=True, exist_ok=True)
        for what, (_, data) in (("slowest", row.slowest), ("largest", row.largest)):
            (args.keep / f"{row.name.replace(' ', '-').replace(',', '')}-{what}").write_bytes(data)
    slow = [row for row in rows if row.slowest[0].seconds > args.most_s or row.largest[0].mib > args.most_mib]
    for row in slow:
        print(f"over the limit: {row.name}: {row.slowest[0]}; {row.largest[0]}", file=sys.stderr)
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
