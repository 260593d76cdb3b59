"""A server with both protocols, and clients of them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

import httpx
import pytest

from tests.conftest import Running, running
from tests.toys import ToyProcessor
from visop.http.server import HttpServer
from visop.serving.server import MakeCompanion


@contextmanager
def both_protocols(
    operator: Any = None, make: MakeCompanion = HttpServer, **changes: Any
) -> Iterator[tuple[Running, httpx.Client]]:
    with (
        running(operator, [make], **{"http_endpoint": "127.0.0.1:0"} | changes) as server,
        httpx.Client(base_url=f"http://{server.server.companion_addresses['http']}", timeout=20) as web,
    ):
        yield server, web


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Running, httpx.Client]]:
    """One server for all tests of a module that leave it as they found it."""
    with both_protocols() as found:
        yield found


@pytest.fixture(scope="module")
def finding() -> Iterator[tuple[Running, httpx.Client]]:
    """The same of a processor."""
    with both_protocols(ToyProcessor()) as found:
        yield found


@pytest.fixture
def web(both: tuple[Running, httpx.Client]) -> httpx.Client:
    return both[1]


@pytest.fixture
def start_both() -> Iterator[Callable[..., tuple[Running, httpx.Client]]]:
    """Start servers with other settings or another operator; they stop with the test."""
    with ExitStack() as stack:
        yield lambda operator=None, **changes: stack.enter_context(both_protocols(operator, **changes))


@contextmanager
def raw(server: Running) -> Iterator[socket.socket]:
    """A connection on which a test may send what no client would."""
    host, _, port = server.server.companion_addresses["http"].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield connection


@dataclass
class Answer:
    """What came back on a raw connection."""

    status: int
    headers: dict[str, str]
    body: bytes


def read_answer(connection: socket.socket) -> Answer:
    """One answer; the connection is left open."""
    response = HTTPResponse(connection)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def read_all(connection: socket.socket) -> bytes:
    """Until the server hangs up."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)
