"""Measure what serving adds to a pipeline: through gRPC, beside its two models in a loop.

    python -m benchmarks.parts
    python -m benchmarks.parts --processor faces --seconds 3 --rounds 3

*In a loop* is what a program without a server does: one file after another is decoded, its parts are found, cut out and
encoded in batches. *Decoded before* leaves the decoding out: the bound that nothing can exceed. *visop* is a server, a
process of its own, that gets the same files over gRPC. Candidates take turns, round after round; ratios are taken
within a round, then the median. Processor time is that of the loop or the server, with all its processes, and without
the callers': it says what serving costs where the machine is not quiet.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from benchmarks.callers import Load, base64_request, drive
from benchmarks.photos import jpeg_photos
from benchmarks.report import machine_facts, markdown_table, median_and_range, percentile
from benchmarks.server_process import ServerProcess
from visop.contract import Image
from visop.images.decode import ImageLimits, decode_image
from visop.serving.operators import load_model, load_operator
from visop.serving.part_encoder import PartEncoder
from visop.settings import Settings

_WARM_UP_S = 1.0


@dataclass
class Row:
    """One line of the table."""

    candidate: str
    callers: str
    measure: Callable[[float], tuple[Load, float]]
    loads: list[Load] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        """Measure for so long."""
        load, cpu_s = self.measure(seconds)
        self.loads.append(load)
        self.cpu_ms.append(cpu_s * 1000 / len(load.latencies_s))

    @property
    def rates(self) -> list[float]:
        """Pictures per second of each round."""
        return [load.rate for load in self.loads]


def main() -> None:
    args = _parse_args()
    print(machine_facts(), flush=True)
    photos = jpeg_photos()
    settings = Settings(processor=args.processor, model="embedded")
    environ = {"OP_PROCESSOR": args.processor, "OP_MODEL": "embedded", "OP_OPERATOR": "auto"}
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, spawn, _prepare, (settings, photos)) as loop,
        ServerProcess(["server.py"], environ) as server,
    ):
        server.wait(base64_request(photos[0]))
        rows = _rows(loop, server, photos, args.callers)
        _run(rows, args.rounds, args.seconds)
    print(f"{args.processor} and embedded; {len(photos)} photographs of natural size\n")
    print(_table(rows))


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processor", default="regions:10", help="before the embedded encoder; default: regions:10")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8], metavar="N", help="default: 1 8")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--seconds", type=float, default=5, help="for each row and round; default: 5")
    return parser.parse_args()


def _rows(
    loop: ProcessPoolExecutor, server: ServerProcess, photos: Sequence[bytes], callers: Sequence[int]
) -> list[Row]:
    requests = [base64_request(photo) for photo in photos]

    def in_loop(decoded: bool) -> Callable[[float], tuple[Load, float]]:
        return lambda seconds: loop.submit(_drive, seconds, decoded).result()

    def served(count: int) -> Callable[[float], tuple[Load, float]]:
        def measure(seconds: float) -> tuple[Load, float]:
            before = server.cpu_s()
            load = drive(server.address, requests, callers=count, seconds=seconds)
            return load, server.cpu_s() - before

        return measure

    return [
        Row("in a loop", "-", in_loop(decoded=False)),
        Row("in a loop, decoded before", "-", in_loop(decoded=True)),
        *(Row("visop", str(count), served(count)) for count in callers),
    ]


# The state of the process of the loop between calls.
_operator: PartEncoder
_files: list[bytes]
_images: list[Image]


def _prepare(settings: Settings, photos: list[bytes]) -> None:
    global _operator, _files, _images
    operator = load_operator(settings)
    assert isinstance(operator, PartEncoder)
    load_model(operator)
    _operator, _files = operator, photos
    _images = [_decoded(photo) for photo in photos]


def _decoded(file: bytes) -> Image:
    return decode_image(file, ImageLimits.of(Settings()), _operator.decode_side)


def _drive(seconds: float, decoded: bool) -> tuple[Load, float]:
    latencies: list[float] = []
    begun, cpu = time.perf_counter(), time.process_time()
    for number in itertools.cycle(range(len(_files))):
        started = time.perf_counter()
        _operator.execute(_images[number] if decoded else _decoded(_files[number]))
        ended = time.perf_counter()
        latencies.append(ended - started)
        if ended - begun > seconds:
            break
    return Load(ended - begun, latencies), time.process_time() - cpu


def _run(rows: Sequence[Row], rounds: int, seconds: float) -> None:
    for row in rows:
        row.measure(_WARM_UP_S)
    for number in range(1, rounds + 1):
        for row in rows:
            row.run(seconds)
            print(f"round {number}: {row.candidate}, {row.callers}: {row.rates[-1]:.1f}/s", file=sys.stderr, flush=True)


def _table(rows: Sequence[Row]) -> str:
    header = ("candidate", "callers", "pictures/s", "of the loop", "p50 ms", "p99 ms", "processor ms", "x the loop")
    return markdown_table(header, [_cells(row, rows[0]) for row in rows])


def _cells(row: Row, loop: Row) -> tuple[str, ...]:
    latencies_ms = [latency * 1000 for load in row.loads for latency in load.latencies_s]
    return (
        row.candidate,
        row.callers,
        median_and_range(row.rates, lambda rate: f"{rate:.1f}"),
        f"{statistics.median(own / its for own, its in zip(row.rates, loop.rates, strict=True)):.0%}",
        f"{percentile(latencies_ms, 50):.1f}",
        f"{percentile(latencies_ms, 99):.1f}",
        f"{statistics.median(row.cpu_ms):.1f}",
        f"{statistics.median(own / its for own, its in zip(row.cpu_ms, loop.cpu_ms, strict=True)):.2f}",
    )


if __name__ == "__main__":
    main()
