"""Measure the seconds from the start of the process to the first answer, and the peak memory until then.

    python -m benchmarks.startup
    python -m benchmarks.startup --model mobilenetv2 --runs 1

  visop, first start    nothing is cached: Keras builds the model in a separate process, which ends before serving
  visop, second start   the cache contains the model of the first start
  original way          import TensorFlow, build the model, load its weights, predict once
                        (benchmarks/original_operator.py)

A caller waits for the port and sends one JPEG over gRPC; the clock stops when it has the vector. All three load the
same weights file and take turns. The first run is not counted, so that the files that Python and the models read come
from the page cache, as in every start except the first after a boot. "Peak" is the kernel's VmHWM.
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

from benchmarks.callers import base64_request
from benchmarks.photos import jpeg_photos
from benchmarks.report import machine_facts, markdown_table, median_and_range
from benchmarks.server_process import ServerProcess
from benchmarks.weights_file import weights_file
from visop.models.registry import MODELS


@dataclass(frozen=True)
class Start:
    """The measurements of one start: seconds to the first answer, peak memory of the server and of its children."""

    first_answer_s: float
    peak_mib: float
    child_peak_mib: float


def main() -> None:
    args = _parse_args()
    print(machine_facts(), flush=True)
    starts: dict[str, list[Start]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        weights = str(weights_file(args.model, args.weights, Path(folder)))
        for number in range(args.runs + 1):
            for name, start in _one_run(args, weights).items():
                print(f"run {number}: {name}: {start.first_answer_s:.2f} s", file=sys.stderr, flush=True)
                if number:
                    starts[name].append(start)
    print(f"{args.model}, {args.weights} weights; visop {args.precision}, original way f32; {args.runs} runs\n")
    header = ("start", "first answer after s", "peak MiB", "peak MiB of the building process")
    print(markdown_table(header, [_cells(name, runs) for name, runs in starts.items()]))


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="vgg19", choices=MODELS, help="default: vgg19")
    parser.add_argument("--weights", default="random", help="random (seeded; default), imagenet or a path")
    parser.add_argument(
        "--precision", default="bf16", choices=("f32", "bf16", "int8"), help="precision of visop; default: bf16"
    )
    parser.add_argument("--runs", type=int, default=5, help="default: 5")
    return parser.parse_args()


def _one_run(args: argparse.Namespace, weights: str) -> dict[str, Start]:
    environ = {"OP_MODEL": args.model, "OP_WEIGHTS": weights, "OP_PRECISION": args.precision}
    with tempfile.TemporaryDirectory() as cache:
        environ["OP_CACHE_DIR"] = cache
        return {
            "visop, first start": _start(["server.py"], environ),
            "visop, second start": _start(["server.py"], environ),
            "original way": _start(["-m", "benchmarks.original_operator", args.model, weights], {}),
        }


def _start(command: Sequence[str], environ: dict[str, str]) -> Start:
    with ServerProcess(command, environ) as server:
        server.wait(base64_request(jpeg_photos()[0]))
        return Start(server.answered_after_s, server.peak_mib(), server.children_peak_mib())


def _cells(name: str, runs: Sequence[Start]) -> tuple[str, ...]:
    children = [run.child_peak_mib for run in runs]
    return (
        name,
        median_and_range([run.first_answer_s for run in runs], lambda seconds: f"{seconds:.2f}"),
        f"{statistics.median(run.peak_mib for run in runs):.0f}",
        f"{statistics.median(children):.0f}" if any(children) else "-",
    )


if __name__ == "__main__":
    main()
