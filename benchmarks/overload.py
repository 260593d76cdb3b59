"""Overload an operator, and see who is served: at twice the capacity with deadlines, and beside bulk streams.

    python -m benchmarks.overload
    python -m benchmarks.overload --seconds 5      # a quick check that it still runs

The model does nothing but sleep, 50 ms a picture, so that the capacity is known and the machine matters little. Calls
are due at fixed times (an open loop), whatever became of those before.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from benchmarks.report import machine_facts, markdown_table
from benchmarks.server_process import ServerProcess
from visop.contract import Encoder, Image
from visop.rpc import rpc_pb2, rpc_pb2_grpc

_PICTURE_S = 0.05
_CAPACITY = 1 / _PICTURE_S
_DEADLINES_S = (10.0, 5.0, 2.0, 1.0)
# Of requests, and of pictures in each: an ordinary bulk stream, and a large one.
_STREAMS = ((4, 16), (8, 256))
_INTERACTIVE_S = 0.25


class SleepingOperator(Encoder):
    """Takes 50 ms a picture, in batches as well as alone."""

    name, dimension, fingerprint = "sleeping", 3, "sleeping"

    def preprocess(self, image: Image) -> npt.NDArray[Any]:
        """The mean colour."""
        mean: npt.NDArray[Any] = image.reshape(-1, 3).mean(axis=0)
        return mean

    def infer(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The same, later."""
        time.sleep(_PICTURE_S * len(batch))
        return batch.astype(np.float32)


def main(argv: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each row")
    parser.add_argument("--bulk-seconds", type=float, default=15.0, help="of each row of the second table")
    arguments = parser.parse_args(argv)
    print(machine_facts())
    rows = [_deadlines(deadline_s, arguments.seconds) for deadline_s in _DEADLINES_S]
    head = ["deadline", "in time, of the capacity", "refused", "late", "a refusal takes p50 / p99"]
    print(f"\nTwice the capacity of {_CAPACITY:g} pictures/s:\n\n{markdown_table(head, rows)}")
    alone = _latencies(None, arguments.bulk_seconds, [])
    rows = [["alone", *_quantiles(alone), "", ""]]
    for window, pictures in _STREAMS:
        rows.append([f"a stream of {pictures} x {window}", *_beside((window, pictures), arguments.bulk_seconds)])
    head = ["interactive calls beside", "p50", "p99", "pictures/s of the stream", "of the capacity"]
    print(f"\nOne interactive call each {_INTERACTIVE_S:g} s:\n\n{markdown_table(head, rows)}")
    return 0


@contextmanager
def _server() -> Iterator[grpc.Channel]:
    with ServerProcess(["server.py"], {"OP_OPERATOR": "benchmarks.overload:SleepingOperator"}) as server:
        server.wait(_request(1).SerializeToString())
        with grpc.insecure_channel(server.address) as channel:
            yield channel


def _deadlines(deadline_s: float, seconds: float) -> list[str]:
    with _server() as channel, ThreadPoolExecutor(600) as pool:
        stub, request = rpc_pb2_grpc.OperatorStub(channel), _request(1)
        began = time.perf_counter()
        due = [began + number / (2 * _CAPACITY) for number in range(int(2 * _CAPACITY * seconds))]
        done = list(pool.map(lambda at: _call(stub, request, at, deadline_s), due))
        span_s = time.perf_counter() - began
    in_time = sum(code == "OK" for code, _ in done)
    refusals = [1000 * span for code, span in done if code == "RESOURCE_EXHAUSTED"]
    late = sum(code == "DEADLINE_EXCEEDED" for code, _ in done)
    waits = f"{np.median(refusals):.0f} / {np.quantile(refusals, 0.99):.0f} ms" if refusals else ""
    return [f"{deadline_s:g} s", f"{in_time / (span_s * _CAPACITY):.0%}", str(len(refusals)), str(late), waits]


def _call(stub: rpc_pb2_grpc.OperatorStub, request: rpc_pb2.ExecuteRequest, at: float, deadline_s: float) -> Any:
    time.sleep(max(0.0, at - time.perf_counter()))
    began = time.perf_counter()
    try:
        stub.Execute(request, timeout=deadline_s)
        code = "OK"
    except grpc.RpcError as error:
        code = error.code().name
    return code, time.perf_counter() - began


def _beside(stream: tuple[int, int], seconds: float) -> list[str]:
    counted: list[int] = []
    latencies = _latencies(stream, seconds, counted)
    rate = sum(counted) / seconds
    return [*_quantiles(latencies), f"{rate:.1f}", f"{(rate + 1 / _INTERACTIVE_S) / _CAPACITY:.0%}"]


def _latencies(stream: tuple[int, int] | None, seconds: float, counted: list[int]) -> list[float]:
    """Of interactive calls, in ms, beside a stream with so many requests under way of so many pictures."""
    with _server() as channel:
        stub, over = rpc_pb2_grpc.OperatorStub(channel), threading.Event()
        bulk = threading.Thread(target=_stream, args=(stub, stream, over, counted)) if stream else None
        if bulk:
            bulk.start()
            time.sleep(2.0)
        spans = []
        ends = time.perf_counter() + seconds
        counted.clear()
        while time.perf_counter() < ends:
            code, span = _call(stub, _request(1), time.perf_counter() + _INTERACTIVE_S, 60.0)
            assert code == "OK", code
            spans.append(1000 * span)
        over.set()
        if bulk:
            bulk.join()
    return spans


def _stream(
    stub: rpc_pb2_grpc.OperatorStub, stream: tuple[int, int], over: threading.Event, counted: list[int]
) -> None:
    window, pictures = stream
    room = threading.Semaphore(window)
    request = _request(pictures)

    def requests() -> Iterator[rpc_pb2.ExecuteRequest]:
        while not over.is_set():
            room.acquire()
            yield request

    call = stub.ExecuteStream(requests())
    try:
        for reply in call:
            room.release()
            if not over.is_set():
                counted.append(len(reply.vectors))
            else:
                call.cancel()
    except grpc.RpcError as error:
        if not over.is_set():
            print(f"the stream ended: {error.code().name}", file=sys.stderr)


def _request(pictures: int) -> rpc_pb2.ExecuteRequest:
    file = io.BytesIO()
    PILImage.new("RGB", (16, 16), (10, 20, 30)).save(file, "PNG")
    return rpc_pb2.ExecuteRequest(images=[file.getvalue()] * pictures)


def _quantiles(spans: Sequence[float]) -> list[str]:
    return [f"{statistics.median(spans):.0f} ms", f"{np.quantile(spans, 0.99):.0f} ms"]


if __name__ == "__main__":
    sys.exit(main())
