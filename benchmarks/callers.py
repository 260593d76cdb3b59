"""Callers in a closed loop, in a process of their own: each sends its next request when it has its last answer."""

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
    """What some callers got in one round.

    Attributes:
        wall_s: from the first request to the last answer.
        latencies_s: of each call, in no order.
        client_cpu_s: what the callers themselves cost, all threads.
    """

    wall_s: float
    latencies_s: list[float]
    client_cpu_s: float = 0.0

    @property
    def rate(self) -> float:
        """Images per second."""
        return len(self.latencies_s) / self.wall_s


def base64_request(*files: bytes) -> bytes:
    """A serialised ExecuteRequest with files in ``datas``, as the original engines send them."""
    return rpc_pb2.ExecuteRequest(datas=[base64.b64encode(file).decode() for file in files]).SerializeToString()


def execute_rpc(channel: grpc.Channel) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
    """Execute with no serialisers: bytes go out and come in as they are, so that a caller costs next to nothing."""
    return channel.unary_unary("/omnisearch.Operator/Execute")


def drive(address: str, requests: Sequence[bytes], *, callers: int, seconds: float) -> Load:
    """Call a server from another process for some seconds, plus what the last calls need to finish.

    Args:
        address: host:port.
        requests: serialised ExecuteRequests of one image each, sent in turn.
        callers: requests under way at the same time.
        seconds: after this time nobody sends another request.

    Raises:
        grpc.RpcError: a call failed, which a benchmark does not expect.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_drive, (address, list(requests), callers, seconds))


def _drive(address: str, requests: list[bytes], callers: int, seconds: float) -> Load:
    channels = [grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) for _ in range(callers)]
    for channel in channels:  # connected before the clock starts
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
