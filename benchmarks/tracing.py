"""What metrics and traces cost: processor time of a server per call, without traces, with none sampled, and with all.

python -m benchmarks.tracing

Metrics are always counted; what they cost is measured by what they count of a call, in a loop.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import numpy as np
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from PIL import Image

from benchmarks.callers import execute_rpc
from benchmarks.report import machine_facts, markdown_table
from benchmarks.server_process import ServerProcess
from visop.metrics.grpc_calls import HANDLED, SPENT, STARTED
from visop.metrics.model import ModelMetrics
from visop.metrics.pictures import count_items
from visop.rpc import rpc_pb2


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans, and counts them."""

    def __init__(self) -> None:
        self.spans = 0

    def Export(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802 - the name of the call
        """Take some."""
        self.spans += sum(len(scope.spans) for each in request.resource_spans for scope in each.scope_spans)
        return trace_service_pb2.ExportTraceServiceResponse()


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="of each round (default: %(default)d)")
    parser.add_argument("--rounds", type=int, default=5, help="each asks all servers in turn (default: %(default)d)")
    arguments = parser.parse_args()
    print(machine_facts())
    collector = Collector()
    with collecting(collector) as address:
        to_it = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{address}", "OTEL_BSP_SCHEDULE_DELAY": "500"}
        kinds = {
            "no traces": {},
            "none sampled": to_it | {"OTEL_TRACES_SAMPLER": "parentbased_always_off"},
            "1 of 100 sampled": to_it | {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"},
            "all sampled": to_it | {"OTEL_TRACES_SAMPLER": "always_on"},
        }
        costs = measured(kinds, arguments.calls, arguments.rounds)
    base = statistics.median(costs["no traces"])
    rows = [(kind, f"{each:.2f}", f"{each - base:+.2f}") for kind in kinds if (each := statistics.median(costs[kind]))]
    print(markdown_table(("traces", "CPU per call, ms", "beside none, ms"), rows))
    print(f"{collector.spans} spans were taken; metrics: {1000 * metrics_s():.3f} ms per call")
    return 0


def measured(kinds: dict[str, dict[str, str]], calls: int, rounds: int) -> dict[str, list[float]]:
    """Processor time per call in ms of each kind of server, in each round; all run at once and are asked in turn."""
    servers = {kind: ServerProcess(["server.py"], environ) for kind, environ in kinds.items()}
    try:
        for server in servers.values():
            server.wait(request())
        found: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(rounds):
            for kind, server in servers.items():
                found[kind].append(cost_ms(server, calls))
        return found
    finally:
        for server in servers.values():
            server.__exit__()


def cost_ms(server: ServerProcess, calls: int) -> float:
    """Processor time of a server per call, in ms, with four callers."""
    before = server.cpu_s()
    with grpc.insecure_channel(server.address, [("grpc.enable_http_proxy", 0)]) as channel:
        execute, given = execute_rpc(channel), request()
        with ThreadPoolExecutor(4) as callers:
            list(callers.map(lambda _: execute(given, timeout=60), range(calls)))
    time.sleep(1.0)  # until what was traced is sent
    return 1000 * (server.cpu_s() - before) / calls


def request() -> bytes:
    """One small picture of noise."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    return rpc_pb2.ExecuteRequest(images=[buffer.getvalue()]).SerializeToString()


def metrics_s(times: int = 20_000) -> float:
    """Time in seconds to count what is counted of a call with one picture."""
    labels = ("unary", "benchmark", "Execute")
    started, spent, handled = STARTED.labels(*labels), SPENT.labels(*labels), HANDLED.labels(*labels, "OK")
    model, stages = ModelMetrics("encoder"), {"decode": 0.001, "preprocess": 0.001, "queue": 0.001, "model": 0.004}
    began = time.process_time()
    for _ in range(times):
        started.inc()
        model.ran(1, 0.004)
        count_items([None], [{**stages, "wait": 0.0}])
        spent.observe(0.008)
        handled.inc()
    return (time.process_time() - began) / times


@contextmanager
def collecting(collector: Collector) -> Iterator[str]:
    """Serve a collector over gRPC; yields HOST:PORT."""
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


if __name__ == "__main__":
    sys.exit(main())
