"""Call a server in a closed loop from a separate process: each caller waits for an answer before its next request."""

from __future__ import annotations

import base64
import itertools
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc

from visop.rpc import rpc_pb2


@dataclass(frozen=True)
class Load:
    """The measurements of one round of calls.

    Attributes:
        wall_s: time from the first request to the last answer, in seconds.
        latencies_s: latency of each call in seconds, in no particular order.
        client_cpu_s: CPU time of the callers themselves, in all threads, in seconds.
    """

    wall_s: float
    latencies_s: list[float]
    client_cpu_s: float = 0.0

    @property
    def rate(self) -> float:
        """Calls per second, which are pictures per second if each call has one."""
        return len(self.latencies_s) / self.wall_s


def base64_request(*files: bytes) -> bytes:
    """Serialise an ExecuteRequest with files in ``datas``, as the original engines send them."""
    return rpc_pb2.ExecuteRequest(datas=[base64.b64encode(file).decode() for file in files]).SerializeToString()


def execute_rpc(channel: grpc.Channel) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
    """Return Execute without serialisers, so that a caller sends and receives bytes and uses almost no CPU."""
    return channel.unary_unary("/omnisearch.Operator/Execute")


def drive(address: str, requests: Sequence[bytes], *, callers: int, seconds: float) -> Load:
    """Call a server from another process for some seconds, plus the time that the last calls need to finish.

    Args:
        address: HOST:PORT.
        requests: serialised ExecuteRequests, sent in turn.
        callers: number of requests in flight at the same time.
        seconds: time after which no further requests are sent.

    Raises:
        grpc.RpcError: a call failed.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_drive, (address, list(requests), callers, seconds))


def _drive(address: str, requests: list[bytes], callers: int, seconds: float) -> Load:
    channels = [
        grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)])
        for _ in range(callers)
    ]
    for channel in channels:  # connect before the clock starts
        grpc.channel_ready_future(channel).result(timeout=30)
    turns = itertools.cycle(requests)
    with ThreadPoolExecutor(callers) as pool:
        cpu, started = time.process_time(), time.perf_counter()
        runs = [pool.submit(_call_until, channel, turns, started + seconds) for channel in channels]
        latencies = [latency for run in runs for latency in run.result()]
        wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    for channel in channels:
        channel.close()
    return Load(wall_s, latencies, cpu_s)


def _call_until(channel: grpc.Channel, turns: itertools.cycle[bytes], end: float) -> list[float]:
    execute = execute_rpc(channel)
    latencies: list[float] = []
    while (started := time.perf_counter()) < end or not latencies:
        execute(next(turns), timeout=300)
        latencies.append(time.perf_counter() - started)
    return latencies
