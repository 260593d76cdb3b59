"""Restart two replicas in turn under load, and count the calls that are lost: none, with a client that tries again.

python -m benchmarks.rolling_restart
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import httpx
import numpy as np
from PIL import Image

from benchmarks.report import machine_facts, markdown_table, percentile
from benchmarks.server_process import ServerProcess, free_port
from visop.client.running import RETRY_POLICY
from visop.rpc import rpc_pb2, rpc_pb2_grpc

#: What docs/how-to/container.md recommends to clients (https://grpc.io/docs/guides/retry/).
SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{"name": [{}], "retryPolicy": RETRY_POLICY}],
}
_PAUSE_S = 1.0
_TIMEOUT_S = 60.0
#: Makes one call with a stub, and an HTTP client, and returns what was wrong with its answer, or None.
Call = Callable[[rpc_pb2_grpc.OperatorStub, "HttpCaller"], str | None]


class Replicas:
    """Two operators on fixed addresses, which are restarted in turn. A context manager."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self._command = command
        self._environ = [environ | {"OP_HTTP_ENDPOINT": f"127.0.0.1:{free_port()}"} for _ in range(2)]
        self._running = [ServerProcess(command, each) for each in self._environ]
        self.addresses = [process.address for process in self._running]
        self.http_addresses = [each["OP_HTTP_ENDPOINT"] for each in self._environ]
        self.restarts = 0

    def __enter__(self) -> Replicas:
        for process in self._running:
            process.wait_for_port()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            process.__exit__()

    def restart_until(self, over: threading.Event) -> None:
        """Stop one with SIGTERM, start it again, pause, and go on with the other one."""
        for index in itertools.cycle(range(2)):
            if over.wait(_PAUSE_S):
                return
            self._running[index].__exit__()
            self._running[index] = ServerProcess(self._command, self._environ[index], self.addresses[index])
            self._running[index].wait_for_port()
            self.restarts += 1


class HttpCaller:
    """Keeps connections open, and sends a request that got no answer to the other replica. A context manager."""

    def __init__(self, addresses: list[str]) -> None:
        self._turns = itertools.cycle(addresses)
        self._client = httpx.Client(timeout=_TIMEOUT_S)

    def __enter__(self) -> HttpCaller:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def execute(self, picture: bytes) -> str | None:
        """What went wrong, or None."""
        for address in itertools.islice(self._turns, 4):
            try:
                answer = self._client.post(f"http://{address}/v1/execute", files={"images": picture})
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                continue
            return None if answer.status_code == 200 else f"HTTP {answer.status_code}"
        return "HTTP: no connection"


def main() -> int:
    """Print what became of the calls; 1 if any was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000, help="default: %(default)d")
    parser.add_argument("--restarts", type=int, default=6, help="at least so many (default: %(default)d)")
    parser.add_argument("--callers", type=int, default=16, help="calls at the same time (default: %(default)d)")
    arguments = parser.parse_args()
    print(machine_facts())
    with Replicas(["server.py"], {}) as replicas:
        outcomes, latencies = run(replicas, arguments.calls, arguments.restarts, arguments.callers)
    lost = sum(count for (_, outcome), count in outcomes.items() if outcome)
    rows = [(kind, outcome or "answered", str(count)) for (kind, outcome), count in sorted(outcomes.items(), key=str)]
    print(markdown_table(("call", "outcome", "calls"), rows))
    p50, p99, longest = (1000 * percentile(latencies, percent) for percent in (50, 99, 100))
    print(f"{replicas.restarts} restarts; lost: {lost} of {len(latencies)}")
    print(f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {longest:.0f} ms")
    return 1 if lost else 0


def run(replicas: Replicas, calls: int, restarts: int, callers: int) -> tuple[Counter[tuple[str, str]], list[float]]:
    """Make calls while the replicas are restarted, until there were so many of both.

    Returns:
        How many calls of every kind had which outcome, which is empty if it was answered; their latencies in seconds.
    """
    outcomes: Counter[tuple[str, str]] = Counter()
    latencies: list[float] = []
    over, lock = threading.Event(), threading.Lock()
    numbers = itertools.count()
    kinds = mixture()

    def caller() -> None:
        with HttpCaller(replicas.http_addresses) as http:
            while (number := next(numbers)) < calls or replicas.restarts < restarts:
                kind, call = kinds[number % len(kinds)]
                started = time.perf_counter()
                outcome = outcome_of(call, stub, http)
                with lock:
                    latencies.append(time.perf_counter() - started)
                    outcomes[kind, outcome] += 1

    with balanced(replicas.addresses) as stub, ThreadPoolExecutor(callers + 1) as pool:
        restarting = pool.submit(replicas.restart_until, over)
        for running in [pool.submit(caller) for _ in range(callers)]:
            running.result()
        over.set()
        restarting.result()
    return outcomes, latencies


def mixture() -> list[tuple[str, Call]]:
    """Of a hundred calls, the names and what makes them: mostly one small picture, some of every other kind."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    one = rpc_pb2.ExecuteRequest(images=[buffer.getvalue()])
    many = rpc_pb2.ExecuteRequest(images=[buffer.getvalue()] * 64)
    return [
        *[("Execute", lambda stub, _: _wrong(stub.Execute(one, timeout=_TIMEOUT_S).nums, 1))] * 88,
        ("Execute, 64 pictures", lambda stub, _: _wrong(stub.Execute(many, timeout=_TIMEOUT_S).nums, 64)),
        *[("ExecuteStream, 3 requests", lambda stub, _: _wrong(_streamed(stub, [one] * 3), 3))] * 3,
        *[("Identity", lambda stub, _: _wrong(stub.Identity(rpc_pb2.IdentityRequest()).type, "encoder"))] * 2,
        *[("Healthy", lambda stub, _: _wrong(stub.Healthy(rpc_pb2.HealthyRequest()).healthy, "healthy"))],
        *[("POST /v1/execute", lambda _, http: http.execute(buffer.getvalue()))] * 5,
    ]


def outcome_of(call: Call, stub: rpc_pb2_grpc.OperatorStub, http: HttpCaller) -> str:
    """Empty if it was answered."""
    try:
        return call(stub, http) or ""
    except grpc.RpcError as error:
        return f"{error.code().name}: {error.details()}"


def _wrong(found: object, expected: object) -> str | None:
    return None if found == expected else f"answered {found}, expected {expected}"


def _streamed(stub: rpc_pb2_grpc.OperatorStub, requests: list[rpc_pb2.ExecuteRequest]) -> int:
    """How many were answered."""
    return len(list(stub.ExecuteStream(iter(requests), timeout=_TIMEOUT_S)))


@contextmanager
def balanced(addresses: list[str]) -> Iterator[rpc_pb2_grpc.OperatorStub]:
    """A stub whose channel spreads calls over the addresses, and tries again what was refused."""
    options = [("grpc.service_config", json.dumps(SERVICE_CONFIG)), ("grpc.max_reconnect_backoff_ms", 500)]
    with grpc.insecure_channel(f"ipv4:{','.join(addresses)}", options) as channel:
        yield rpc_pb2_grpc.OperatorStub(channel)


if __name__ == "__main__":
    sys.exit(main())
