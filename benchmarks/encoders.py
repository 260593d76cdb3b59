"""Compare the speed of encoders through the whole gRPC path: base64 in, JPEG decoded, vectors out.

    python -m benchmarks.encoders
    python -m benchmarks.encoders --model embedded --model vgg16 --rounds 5 --seconds 10
    python -m benchmarks.encoders --rounds 1 --seconds 1     # a quick check that it still runs

Each encoder runs in its own server.py, with default settings except for the model. Models that are not shipped get
seeded random weights, which take the same time as any others. The encoders take turns in every round, so that changes
of the machine's speed affect them all equally. A request holds one photograph of natural size, or ``--images`` of them,
or as many previews of about 250 x 250 pixels, which take less time to decode. The results are medians over the rounds,
with the range.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.callers import Load, base64_request, drive
from benchmarks.photos import jpeg_photos
from benchmarks.report import machine_facts, markdown_table, median_and_range, percentile
from benchmarks.server_process import ServerProcess
from visop.models.registry import MODELS

_PREVIEW_MEGAPIXELS = 0.0625


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of request: each of ``requests`` has ``count`` images, described by ``image``."""

    image: str
    count: int
    requests: Sequence[bytes]

    def __str__(self) -> str:
        return f"{self.count} {self.image}{'s' if self.count > 1 else ''}"


def main() -> None:
    args = _parse_args()
    print(machine_facts(), flush=True)
    photos, previews = jpeg_photos(None), jpeg_photos(_PREVIEW_MEGAPIXELS)
    kinds = (
        Kind("photo", 1, [base64_request(photo) for photo in photos]),
        Kind("photo", args.images, [_many(photos, args.images)]),
        Kind("preview", args.images, [_many(previews, args.images)]),
    )
    loads: dict[tuple[str, Kind], list[Load]] = {(model, kind): [] for model in args.model for kind in kinds}
    with ExitStack() as stack:
        cache = stack.enter_context(tempfile.TemporaryDirectory())
        servers = {
            model: stack.enter_context(ServerProcess(["server.py"], _environ(model, cache))) for model in args.model
        }
        for server in servers.values():
            server.wait(kinds[0].requests[0])
        for number in range(args.rounds):
            for (model, kind), measured in loads.items():
                address, requests = servers[model].address, kind.requests
                measured.append(drive(address, requests, callers=args.callers, seconds=args.seconds))
                rate = kind.count * measured[-1].rate
                print(f"round {number + 1}: {model}, {kind}: {rate:.1f} images/s", file=sys.stderr, flush=True)
    print(f"{args.callers} callers, {args.rounds} rounds of {args.seconds:g} s, {len(photos)} photos of natural size\n")
    print(_table(loads, args.model[-1]))


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", choices=MODELS, help="repeatable; default: embedded vgg16")
    parser.add_argument("--images", type=int, default=16, help="images in a large request; default: 16")
    parser.add_argument("--callers", type=int, default=8, help="default: 8")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--seconds", type=float, default=10, help="for each row and round; default: 10")
    args = parser.parse_args()
    args.model = args.model or ["embedded", "vgg16"]
    return args


def _many(photos: Sequence[bytes], count: int) -> bytes:
    return base64_request(*(photos[index % len(photos)] for index in range(count)))


def _environ(model: str, cache: str) -> dict[str, str]:
    weights = "auto" if MODELS[model].shipped else "random"
    return {"OP_MODEL": model, "OP_WEIGHTS": weights, "OP_CACHE_DIR": cache}


def _table(loads: dict[tuple[str, Kind], list[Load]], last: str) -> str:
    header = ("encoder", "a request", "images/s", "p50 ms", "p99 ms", f"x {last}")
    return markdown_table(header, [_row(loads, model, kind, last) for model, kind in loads])


def _row(loads: dict[tuple[str, Kind], list[Load]], model: str, kind: Kind, last: str) -> tuple[str, ...]:
    measured = loads[model, kind]
    rates = [kind.count * load.rate for load in measured]
    ratio = statistics.median(a.rate / b.rate for a, b in zip(measured, loads[last, kind], strict=True))
    latencies_ms = [latency * 1000 for load in measured for latency in load.latencies_s]
    return (
        model,
        str(kind),
        median_and_range(rates, lambda rate: f"{rate:.1f}"),
        f"{percentile(latencies_ms, 50):.1f}",
        f"{percentile(latencies_ms, 99):.1f}",
        f"{ratio:.1f}",
    )


if __name__ == "__main__":
    main()
