"""Measure worker processes against one process, on the same machine: throughput, a lone call, and CPU of a picture.

python -m benchmarks.workers --rounds 4 --seconds 5

Both servers run all the time, and are called in turn. `embedded` is the shipped encoder; `mean` computes next to
nothing, so that what it costs is what calls and decoding cost.
"""

from __future__ import annotations

import argparse
import io
import statistics
from collections import defaultdict
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from benchmarks.callers import drive
from benchmarks.report import machine_facts, markdown_table, percentile
from benchmarks.server_process import ServerProcess
from visop.contract import Encoder, Image
from visop.rpc import rpc_pb2

_OPERATORS = {"embedded": "visop.models.built_in_encoder:BuiltInEncoder", "mean": "benchmarks.workers:Mean"}


class Mean(Encoder):
    """The mean colour."""

    name, dimension = "mean", 3

    def preprocess(self, image: Image) -> npt.NDArray[Any]:
        """The mean colour of every 16th pixel."""
        return np.asarray(image[::4, ::4].reshape(-1, 3).mean(axis=0))

    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same."""
        return batch + 1


def picture(side: int = 500) -> bytes:
    """A JPEG of about 60 KiB whose content costs what that of a photograph does."""
    coarse = np.random.default_rng(0).integers(0, 256, (side // 8, side // 8, 3), np.uint8)
    file = io.BytesIO()
    PILImage.fromarray(coarse).resize((side, side), PILImage.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--workers", nargs="+", default=["1", "2"])
    arguments = parser.parse_args()
    print(machine_facts())
    rows = [row for operator in _OPERATORS for row in _measured(operator, arguments)]
    print(markdown_table(["model", "callers", "workers", "pictures/s", "p10 ms", "p50 ms", "CPU ms a picture"], rows))


def _measured(operator: str, arguments: argparse.Namespace) -> list[list[str]]:
    request = rpc_pb2.ExecuteRequest(images=[picture()]).SerializeToString()
    found: dict[tuple[int, str], list[tuple[float, float, float, float]]] = defaultdict(list)
    with ExitStack() as stack:
        servers = {workers: stack.enter_context(_server(operator, workers)) for workers in arguments.workers}
        for server in servers.values():
            server.wait(request)
            drive(server.address, [request], callers=8, seconds=3.0)  # until all workers are there
        for _ in range(arguments.rounds):
            for callers in arguments.callers:
                for workers, server in servers.items():
                    found[callers, workers].append(_round(server, request, callers, arguments.seconds))
    return [
        [operator, str(callers), workers, *(f"{statistics.median(each):.1f}" for each in zip(*rounds, strict=True))]
        for (callers, workers), rounds in found.items()
    ]


def _server(operator: str, workers: str) -> ServerProcess:
    environ = {"OP_WORKERS": workers, "OP_OPERATOR": _OPERATORS[operator], "OP_LOG_LEVEL": "warning"}
    return ServerProcess(["server.py"], environ)


def _round(server: ServerProcess, request: bytes, callers: int, seconds: float) -> tuple[float, float, float, float]:
    before = server.cpu_s()
    load = drive(server.address, [request], callers=callers, seconds=seconds)
    spent_ms = (server.cpu_s() - before) * 1000 / len(load.latencies_s)
    return load.rate, percentile(load.latencies_s, 10) * 1000, percentile(load.latencies_s, 50) * 1000, spent_ms


if __name__ == "__main__":
    main()
