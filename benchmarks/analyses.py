"""What a record costs: one picture analysed at once by the service, next to the same call of its operator over gRPC.

Both take turns, so that whatever else the machine does costs both alike. The operator is the shipped encoder in a
process of its own; the service keeps the picture and the record, as always.

    .venv/bin/python -m benchmarks.analyses
    .venv/bin/python -m benchmarks.analyses --database postgresql://me@127.0.0.1/visop
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

import numpy as np
from PIL import Image

from benchmarks.report import machine_facts, markdown_table, percentile
from benchmarks.server_process import ServerProcess, free_port
from visop.analyses.form_body import form_body
from visop.client import Client

_HEADER = ("picture", "gRPC p50 ms", "record p50 ms", "ratio", "gRPC p90 ms", "record p90 ms")

# Pairs of calls that are not counted.
_WARM = 20


def main() -> None:
    """Print the table."""
    arguments = _arguments()
    print(machine_facts(), flush=True)
    with (
        ServerProcess(["-m", "visop", "serve", "--model", "embedded"]) as operator,
        tempfile.TemporaryDirectory() as folder,
        _service(operator, arguments.database or f"{folder}/analyses.db", folder) as web,
        Client(operator.address) as client,
    ):
        rows = [_row(each, client, web, arguments.count) for each in arguments.megapixels]
    print(markdown_table(_HEADER, rows))


def _row(megapixels: float, client: Client, web: http.client.HTTPConnection, count: int) -> Sequence[str]:
    pictures = list(jpegs(megapixels, count + _WARM))
    calls: list[float] = []
    records: list[float] = []
    for picture in pictures:
        calls.append(_timed(lambda picture=picture: client.encode(images=[picture])))  # type: ignore[misc]
        records.append(_timed(lambda picture=picture: _record(web, picture)))  # type: ignore[misc]
    call, record = calls[_WARM:], records[_WARM:]
    (call50, call90), (record50, record90) = (
        [1000 * percentile(each, at) for at in (50, 90)] for each in (call, record)
    )
    name = f"{megapixels:g} megapixels, {len(pictures[0]) // 1000} kB"
    numbers = (call50, record50, record50 / call50, call90, record90)
    return [name, *(f"{each:.2f}" for each in numbers)]


def _record(web: http.client.HTTPConnection, picture: bytes) -> None:
    """By Python's own client, which costs less than others."""
    body, kind = form_body({}, [("image", "picture.jpg", picture)])
    web.request("POST", "/analyses", body, {"Content-Type": kind})
    answer = web.getresponse()
    record = json.loads(answer.read())
    assert (answer.status, record["state"]) == (201, "done"), record


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


@contextmanager
def _service(operator: ServerProcess, database: str, folder: str) -> Iterator[http.client.HTTPConnection]:
    operator.wait_for_port()
    address = f"127.0.0.1:{free_port()}"
    command = ["-m", "visop", "analyses", "serve", "--operator", f"embedded={operator.address}"]
    command += ["--http-endpoint", address, "--pictures-at", f"{folder}/pictures"]
    with ServerProcess(command, {"VISOP_DATABASE": database}, address) as service:
        service.wait_for_port()
        with closing(http.client.HTTPConnection(address, timeout=60)) as web:
            yield web


def jpegs(megapixels: float, count: int) -> Iterator[bytes]:
    """JPEGs of noise that is smooth as photographs are, each another one."""
    random = np.random.default_rng(int(megapixels * 1000))
    side = int((megapixels * 1e6) ** 0.5)
    for _ in range(count):
        small = Image.fromarray(random.integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8))
        file = io.BytesIO()
        small.resize((side, side), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
        yield file.getvalue()


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=150, help="pictures of each size (default 150)")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[0.1, 0.5, 2.0], help="sizes of pictures")
    parser.add_argument("--database", default="", help="FILE or postgresql://...; default: a file of SQLite")
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
