"""Measure the speed of the whole service against the raw engine and the original operators.

    python -m benchmarks.serving
    python -m benchmarks.serving --model vgg19 --precision bf16 --rounds 5 --seconds 20
    python -m benchmarks.serving --megapixels 12            # photos as from a camera
    python -m benchmarks.serving --rounds 1 --seconds 1 --model mobilenetv2   # a quick check that it still runs

Callers in a separate process send serialised requests (one JPEG in base64 each) over gRPC on the loopback; each caller
waits for an answer before its next request. All candidates use the same weights file and the same photos, run in
separate processes, and are idle while another one is measured. They take turns in every round, so that changes of the
machine's speed affect them all equally.

  raw engine        the compiled model in a loop, with inputs decoded and resized in advance: the upper bound
  visop             server.py with its defaults
  original way      temporary file, load_img, model.predict per image, ten gRPC threads, TensorFlow
                    (benchmarks/original_operator.py)

Images/s are medians over the rounds, with the range; latencies are over all calls of all rounds. The two ratios are
computed within each round, against the fastest row of the raw engine and of the original way, whatever its batch size
or number of callers. The original operator is also measured behind gRPC, as it is used, which costs it half a
millisecond per call and makes the latencies comparable. Warm-up is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.callers import Load, base64_request, drive
from benchmarks.photos import jpeg_photos
from benchmarks.raw_engine import RawEngine
from benchmarks.report import machine_facts, markdown_table, median_and_range, percentile
from benchmarks.server_process import ServerProcess
from benchmarks.weights_file import weights_file
from visop.models.registry import MODELS
from visop.rpc import rpc_pb2
from visop.settings import Settings, env_name

_WARM_UP_S = 1.0


@dataclass(frozen=True)
class Row:
    """One line of the table: a candidate at one number of callers (or one batch size)."""

    candidate: str
    callers: str
    measure: Callable[[float], Load]
    loads: list[Load] = field(default_factory=list)


def main() -> None:
    args = _parse_args()
    print(machine_facts(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(args, Path(folder))
        photos = jpeg_photos(args.megapixels)
        requests = [base64_request(photo) for photo in photos]
        original = ["-m", "benchmarks.original_operator", settings.model, settings.weights]
        with (
            RawEngine(settings, photos) as engine,
            ServerProcess(["server.py"], _environ(settings)) as visop,
            ServerProcess(original) as baseline,
        ):
            alike = _likeness([visop.wait(request) for request in requests], [baseline.wait(r) for r in requests])
            rows = _rows(engine, visop, baseline, requests, args.callers)
            _run(rows, args.rounds, args.seconds)
    print(_title(args, settings, photos))
    print(alike, end="\n\n")
    print(_table(rows))


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="vgg19", choices=MODELS, help="default: vgg19")
    parser.add_argument("--weights", default="random", help="random (seeded; default), imagenet or a path")
    parser.add_argument(
        "--precision", default="bf16", choices=("f32", "bf16", "int8"), help="precision of visop; default: bf16"
    )
    parser.add_argument("--resize", default="bilinear", choices=("bilinear", "nearest"), help="resizing of visop")
    parser.add_argument("--megapixels", type=float, help="scale the photos; default: their natural size")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8, 32], metavar="N", help="default: 1 8 32")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--seconds", type=float, default=10, help="for each row and round; default: 10")
    return parser.parse_args()


def _settings(args: argparse.Namespace, folder: Path) -> Settings:
    return Settings(
        model=args.model,
        weights=str(weights_file(args.model, args.weights, folder)),
        precision=args.precision,
        resize=args.resize,
        cache_dir=folder,
    )


def _environ(settings: Settings) -> dict[str, str]:
    names = ("model", "weights", "precision", "resize", "cache_dir")
    return {env_name(name): str(getattr(settings, name)) for name in names}


def _rows(
    engine: RawEngine, visop: ServerProcess, baseline: ServerProcess, requests: Sequence[bytes], callers: Sequence[int]
) -> list[Row]:
    def batches_of(size: int) -> Callable[[float], Load]:
        return lambda seconds: engine.drive(batch=size, seconds=seconds)

    def calls_to(server: ServerProcess, count: int) -> Callable[[float], Load]:
        return lambda seconds: drive(server.address, requests, callers=count, seconds=seconds)

    return [
        *(Row("raw engine", f"batch {size}", batches_of(size)) for size in (1, engine.max_batch())),
        *(Row("visop", str(count), calls_to(visop, count)) for count in callers),
        *(Row("original way", str(count), calls_to(baseline, count)) for count in callers),
    ]


def _run(rows: Sequence[Row], rounds: int, seconds: float) -> None:
    _progress(f"about {rounds * len(rows) * seconds / 60:.0f} minutes or a little more")
    for row in rows:
        row.measure(_WARM_UP_S)
    for number in range(1, rounds + 1):
        for row in rows:
            row.loads.append(row.measure(seconds))
            _progress(f"round {number}: {row.candidate}, {row.callers}: {row.loads[-1].rate:.1f} images/s")


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _likeness(ours: Sequence[bytes], theirs: Sequence[bytes]) -> str:
    cosines = (_vectors(ours) * _vectors(theirs)).sum(axis=1)
    return f"Same work: the vectors of visop and of the original way have a cosine of {cosines.min():.5f} or more"


def _vectors(replies: Sequence[bytes]) -> npt.NDArray[np.float64]:
    return np.array([rpc_pb2.ExecuteReply.FromString(reply).vectors[0].element for reply in replies])


def _title(args: argparse.Namespace, settings: Settings, photos: Sequence[bytes]) -> str:
    size = f"{args.megapixels:g} megapixels" if args.megapixels else "natural size"
    kib = sum(map(len, photos)) / len(photos) / 1024
    return (
        f"{settings.model}, {args.weights} weights; visop {settings.precision}, {settings.resize}; original way f32, "
        f"nearest; {len(photos)} photos of {size}, {kib:.0f} KiB on average; {args.rounds} rounds of {args.seconds:g} s"
    )


def _table(rows: Sequence[Row]) -> str:
    header = (
        "candidate",
        "callers",
        "images/s",
        "p50 ms",
        "p99 ms",
        "of raw engine",
        "x original",
        "client CPU, cores",
    )
    engine = _best_of_each_round(rows, "raw engine")
    original = _best_of_each_round(rows, "original way")
    return markdown_table(header, [_cells(row, engine, original) for row in rows])


def _best_of_each_round(rows: Sequence[Row], candidate: str) -> list[float]:
    rates = [[load.rate for load in row.loads] for row in rows if row.candidate == candidate]
    return [max(rates_of_round) for rates_of_round in zip(*rates, strict=True)]


def _cells(row: Row, engine: Sequence[float], original: Sequence[float]) -> tuple[str, ...]:
    rates = [load.rate for load in row.loads]
    latencies_ms = [latency * 1000 for load in row.loads for latency in load.latencies_s]
    client_cpu = statistics.median(load.client_cpu_s / load.wall_s for load in row.loads)
    return (
        row.candidate,
        row.callers,
        median_and_range(rates, lambda rate: f"{rate:.1f}"),
        f"{percentile(latencies_ms, 50):.1f}",
        f"{percentile(latencies_ms, 99):.1f}",
        f"{statistics.median(r / e for r, e in zip(rates, engine, strict=True)):.1%}",
        f"{statistics.median(r / o for r, o in zip(rates, original, strict=True)):.2f}",
        f"{client_cpu:.2f}" if client_cpu else "-",
    )


if __name__ == "__main__":
    main()
