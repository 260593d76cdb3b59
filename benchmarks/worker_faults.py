"""Kill workers under load, one after the other, and count the calls that fail: only those that the killed one had.

python -m benchmarks.worker_faults --kills 6
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import grpc
import httpx

from benchmarks.report import machine_facts, markdown_table
from benchmarks.server_process import ServerProcess, free_port
from benchmarks.workers import picture
from visop.rpc import rpc_pb2, rpc_pb2_grpc

_CALLERS, _WORKERS = 8, 2
# Of workers that are all ready before one of them is killed.
_QUIET_S = 2.0


class Load:
    """Callers in a closed loop, with a connection each, that do not try again.

    Args:
        address: of the server.
    """

    def __init__(self, address: str) -> None:
        self.outcomes: Counter[str] = Counter()
        self._address, self._ends = address, threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(_CALLERS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Wait for the last answers."""
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        request = rpc_pb2.ExecuteRequest(images=[picture()])
        with grpc.insecure_channel(self._address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = rpc_pb2_grpc.OperatorStub(channel)
            while not self._ends.is_set():
                try:
                    stub.Execute(request, timeout=30)
                    self.outcomes["OK"] += 1
                except grpc.RpcError as error:
                    self.outcomes[error.code().name] += 1


def main() -> None:
    """Print a table with a line for each kill."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=6)
    kills = parser.parse_args().kills
    print(machine_facts())
    web = f"127.0.0.1:{free_port()}"
    environ = {"OP_WORKERS": str(_WORKERS), "OP_HTTP_ENDPOINT": web, "OP_LOG_LEVEL": "warning"}
    with ServerProcess(["server.py"], environ) as server, httpx.Client(base_url=f"http://{web}") as client:
        server.wait(rpc_pb2.ExecuteRequest(images=[picture()]).SerializeToString())
        _wait_ready(client)
        load = Load(server.address)
        rows = [_killed(server, client, load) for _ in range(kills)]
        load.end()
    print(markdown_table(["calls until the next kill", "failed", "replaced after s"], rows))
    print(f"all: {dict(load.outcomes)}")


def _killed(server: ServerProcess, client: httpx.Client, load: Load) -> list[str]:
    before = load.outcomes.copy()
    time.sleep(_QUIET_S)
    os.kill(_a_worker(server), signal.SIGKILL)
    killed = time.monotonic()
    while _ready(client) == _WORKERS:
        time.sleep(0.01)
    _wait_ready(client)
    replaced_s = time.monotonic() - killed
    since = load.outcomes - before
    failed = {code: count for code, count in since.items() if code != "OK"}
    return [
        str(since["OK"]),
        ", ".join(f"{count} {code}" for code, count in failed.items()) or "0",
        f"{replaced_s:.1f}",
    ]


def _a_worker(server: ServerProcess) -> int:
    """The process of the worker that was started first, of those that run."""
    return min(pid for pid in server.processes() if b"worker_process" in Path(f"/proc/{pid}/cmdline").read_bytes())


def _ready(client: httpx.Client) -> int:
    return int(client.get("/readyz").json().get("workers", "0").split()[0])


def _wait_ready(client: httpx.Client) -> None:
    while _ready(client) < _WORKERS:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
