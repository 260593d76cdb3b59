"""A caller who means well, and the probes of an orchestrator, from an address that is not the attacker's."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.callers import execute_rpc
from visop.rpc import rpc_pb2

CALL_TIMEOUT_S, PROBE_TIMEOUT_S = 10.0, 5.0
_PROBE_EVERY_S = 0.1
_PICTURE_HOST = "127.0.0.4"
_OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]


@dataclass(frozen=True)
class Target:
    """The addresses of a server, HOST:PORT."""

    grpc: str
    http: str


@dataclass(frozen=True)
class Outcome:
    """What became of a call or a probe.

    Attributes:
        at: when it was due, on the clock of ``time.monotonic``, which all processes of a machine share.
        seconds: until it was over.
        error: a status; empty if it was answered well.
    """

    at: float
    seconds: float
    error: str = ""


class InProcess:
    """Runs ``work(*arguments, stop)`` in a process of its own until ``end``. Its result is what it returns."""

    def __init__(self, work: Callable[..., object], *arguments: object) -> None:
        self._ours, theirs = multiprocessing.get_context("spawn").Pipe()
        target = partial(_until_told, work, arguments, theirs)
        self._process = multiprocessing.get_context("spawn").Process(target=target, daemon=True)
        self._process.start()
        theirs.close()
        self._ours.recv()  # it has started

    def end(self, timeout_s: float = 60.0) -> object:
        """Stop it, and return its result; None if it does not stop in time, and is killed."""
        self._ours.send("stop")
        result = self._ours.recv() if self._ours.poll(timeout_s) else None
        self._process.kill()
        self._process.join()
        return result


def _until_told(work: Callable[..., object], arguments: Sequence[object], pipe: object) -> None:
    stop = threading.Event()
    pipe.send("started")  # type: ignore[attr-defined]  # a Connection, whose class differs by system

    def wait() -> None:
        pipe.recv()  # type: ignore[attr-defined]
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    pipe.send(work(*arguments, stop))  # type: ignore[attr-defined]


def call_steadily(
    target: Target, photos: Sequence[bytes], rate: float, source: str, stop: threading.Event
) -> list[Outcome]:
    """Call so many times a second, whatever becomes of it: six of ten over gRPC, three over HTTP, one with a URL.

    Args:
        target: the server.
        photos: sent in turn.
        rate: calls per second.
        source: the address of the caller, on the loopback.
        stop: ends it.
    """
    outcomes: list[Outcome] = []
    with (
        _relayed(target.grpc, source) as address,
        _served(photos[0]) as url,
        grpc.insecure_channel(address, _OPTIONS) as channel,
        httpx.Client(
            transport=httpx.HTTPTransport(local_address=source, limits=httpx.Limits(max_keepalive_connections=100)),
            timeout=CALL_TIMEOUT_S,
        ) as client,
        ThreadPoolExecutor(100) as pool,
    ):
        requests = [rpc_pb2.ExecuteRequest(images=[photo]).SerializeToString() for photo in photos]
        of_url = rpc_pb2.ExecuteRequest(urls=[url]).SerializeToString()
        started = time.monotonic()
        for number in itertools.count():
            due = started + number / rate
            if stop.wait(max(0.0, due - time.monotonic())):
                break
            if number % 10 in (2, 5, 8):
                photo = photos[number % len(photos)]
                pool.submit(lambda due=due, photo=photo: outcomes.append(_by_http(client, target.http, photo, due)))  # type: ignore[misc]
            else:
                request = of_url if number % 10 == 9 else requests[number % len(requests)]
                _by_grpc(channel, request, due, outcomes)
        ends = time.monotonic() + CALL_TIMEOUT_S + 1
        while len(outcomes) < number and time.monotonic() < ends:
            time.sleep(0.05)
    return list(outcomes)


def _by_grpc(channel: grpc.Channel, request: bytes, due: float, outcomes: list[Outcome]) -> None:
    call = execute_rpc(channel).future(request, timeout=CALL_TIMEOUT_S)

    def done(call: grpc.Future[bytes]) -> None:
        code = call.code()  # type: ignore[attr-defined]  # it is a grpc.Call as well
        outcomes.append(Outcome(due, time.monotonic() - due, "" if code is grpc.StatusCode.OK else code.name))

    call.add_done_callback(done)


def _by_http(client: httpx.Client, address: str, photo: bytes, due: float) -> Outcome:
    try:
        answer = client.post(f"http://{address}/v1/execute", files={"images": photo})
    except httpx.HTTPError as error:
        return Outcome(due, time.monotonic() - due, f"HTTP {type(error).__name__}")
    wrong = "" if answer.status_code == 200 else f"HTTP {answer.status_code}"
    return Outcome(due, time.monotonic() - due, wrong)


def probe_steadily(target: Target, source: str, stop: threading.Event) -> dict[str, list[Outcome]]:
    """Ask for health every tenth of a second over gRPC and HTTP, each time on a new connection, as orchestrators do."""
    with _relayed(target.grpc, source) as address, ThreadPoolExecutor(2) as pool:
        probes = {"gRPC": partial(_grpc_health, address), "HTTP": partial(_http_health, target.http, source)}
        running = {name: pool.submit(_again_and_again, probe, stop) for name, probe in probes.items()}
        return {name: each.result() for name, each in running.items()}


def _again_and_again(probe: Callable[[], str], stop: threading.Event) -> list[Outcome]:
    outcomes = []
    while not stop.wait(_PROBE_EVERY_S):
        at = time.monotonic()
        error = probe()
        outcomes.append(Outcome(at, time.monotonic() - at, error))
    return outcomes


def _grpc_health(address: str) -> str:
    with grpc.insecure_channel(address, _OPTIONS) as channel:
        try:
            stub = health_pb2_grpc.HealthStub(channel)
            status = stub.Check(health_pb2.HealthCheckRequest(), timeout=PROBE_TIMEOUT_S, wait_for_ready=True).status
        except grpc.RpcError as error:
            return str(error.code().name)
    return "" if status == health_pb2.HealthCheckResponse.SERVING else "NOT_SERVING"


def _http_health(address: str, source: str) -> str:
    host, _, port = address.rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=PROBE_TIMEOUT_S, source_address=(source, 0))
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
    return "" if status == 200 else f"HTTP {status}"


@contextmanager
def _relayed(address: str, source: str) -> Iterator[str]:
    """An address whose connections go on to another, from ``source``, which gRPC's clients cannot choose."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    host, _, port = address.rpartition(":")

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(host, int(port), local_addr=(source, 0))
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer), return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(relay, "127.0.0.1", 0), loop).result()
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@contextmanager
def _served(photo: bytes) -> Iterator[str]:
    """The URL of a picture on a server that answers."""

    class Picture(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(photo)))
            self.end_headers()
            self.wfile.write(photo)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((_PICTURE_HOST, 0), Picture)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{_PICTURE_HOST}:{server.server_port}/picture.jpg"
    server.shutdown()
    server.server_close()
