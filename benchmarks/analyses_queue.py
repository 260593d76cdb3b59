"""What the queue costs: a job of many pictures, next to the same pictures sent to the operator directly.

The shipped encoder runs in a process of its own. The pictures are sent to it in chunks by two callers; then the same
pictures are analysed as jobs: by the threads of a service with SQLite, and by a worker of Celery with PostgreSQL, told
by RabbitMQ and by Redis. The pictures of a job are uploaded while it is paused; the clock runs from when it goes on
until it has ended. All take turns, several times, and the medians are compared.

    .venv/bin/python -m benchmarks.analyses_queue
    .venv/bin/python -m benchmarks.analyses_queue --ways threads --pictures 200
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from benchmarks.analyses import jpegs
from benchmarks.report import machine_facts, markdown_table
from benchmarks.server_process import ServerProcess, free_port
from tests.analyses.servers import PostgreSQL, RabbitMQ, Redis
from visop.analyses.service_client import ServiceClient
from visop.analyses.submission import submit_pictures
from visop.client import Client

_HEADER = ("way", "pictures/s", "of the direct calls")
_WAYS = ("threads", "rabbitmq", "redis")
_MAX_BYTES = 10_000_000

# As a worker claims them.
_CHUNK, _CALLERS = 32, 2


def main() -> None:
    """Print the table."""
    arguments = _arguments()
    print(machine_facts(), flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        names = _files(folder / "pictures", arguments.megapixels, arguments.pictures)
        operator = stack.enter_context(ServerProcess(["-m", "visop", "serve", "--model", "embedded"]))
        operator.wait_for_port()
        client = stack.enter_context(Client(operator.address))
        ways: dict[str, Callable[[], float]] = {"direct": lambda: _direct(client, names)}
        for way in arguments.ways:
            service = _service(stack, way, operator, folder / way)
            ways[way] = lambda service=service: _job(service, names)  # type: ignore[misc]
        seconds = _rounds(ways, arguments.rounds)
    print(markdown_table(_HEADER, _rows(seconds, len(names))))


def _rounds(ways: dict[str, Callable[[], float]], count: int) -> dict[str, float]:
    """The median of the seconds that each way takes; a first round is not counted."""
    found: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(count + 1):
        for way, run in ways.items():
            found[way].append(run())
    return {way: statistics.median(each[1:]) for way, each in found.items()}


def _rows(seconds: dict[str, float], count: int) -> list[Sequence[str]]:
    return [(way, f"{count / each:.1f}", f"{seconds['direct'] / each:.0%}") for way, each in seconds.items()]


def _direct(client: Client, names: Sequence[str]) -> float:
    """Read and send all pictures."""
    began = time.perf_counter()
    with ThreadPoolExecutor(_CALLERS) as callers:
        chunks = [names[first : first + _CHUNK] for first in range(0, len(names), _CHUNK)]
        list(callers.map(lambda chunk: client.encode(images=[Path(name).read_bytes() for name in chunk]), chunks))
    return time.perf_counter() - began


def _job(service: ServiceClient, names: Sequence[str]) -> float:
    """Have all pictures analysed."""
    job = service.call("POST", "jobs", {"source": {"kind": "upload"}, "operators": ["embedded"]})
    path = f"jobs/{job['id']}"
    service.call("PATCH", path, {"state": "paused"})
    submit_pictures(service, job, names, _MAX_BYTES, lambda _: None)
    began = time.perf_counter()
    service.call("PATCH", path, {"state": "queued"})
    while (job := service.get(path))["state"] == "running":
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    assert job["counts"]["done"] == len(names), job
    return seconds


def _service(stack: ExitStack, way: str, operator: ServerProcess, folder: Path) -> ServiceClient:
    """A service, and its worker if it is told by a broker."""
    (folder / "kept").mkdir(parents=True)
    address = f"127.0.0.1:{free_port()}"
    operators = ["--operator", f"embedded={operator.address}", "--pictures-at", str(folder / "kept")]
    environ = {"VISOP_DATABASE": str(folder / "analyses.db")}
    if way != "threads":
        broker, database = RabbitMQ() if way == "rabbitmq" else Redis(), PostgreSQL()
        for server in (broker, database):
            stack.enter_context(server)
        environ = {"VISOP_DATABASE": database.new_database(), "VISOP_BROKER": broker.url}
    serve = ["-m", "visop", "analyses", "serve", "--http-endpoint", address, *operators]
    stack.enter_context(ServerProcess(serve, environ, address)).wait_for_port()
    if way != "threads":
        work = ["-m", "visop", "worker", "--concurrency", str(_CALLERS), *operators]
        stack.enter_context(ServerProcess(work, environ, address))
    return stack.enter_context(ServiceClient(f"http://{address}"))


def _files(folder: Path, megapixels: float, count: int) -> list[str]:
    folder.mkdir()
    for number, data in enumerate(jpegs(megapixels, count)):
        (folder / f"{number:05}.jpg").write_bytes(data)
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=640, help="of each job (default 640)")
    parser.add_argument("--megapixels", type=float, default=0.5, help="size of a picture (default 0.5)")
    parser.add_argument("--rounds", type=int, default=5, help="that are counted (default 5)")
    parser.add_argument("--ways", nargs="*", choices=_WAYS, default=_WAYS, help="of the queue")
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
