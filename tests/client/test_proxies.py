"""The proxy of the environment: asked for operators elsewhere, and never for this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

from tests.conftest import Running, make_image, run_command, running
from tests.in_thread import serving_in_thread
from visop.client import HEALTHY, Backoff, Client
from visop.errors import DeadlinePassed, Unreachable

NAMES = ["http_proxy", "https_proxy", "grpc_proxy", "all_proxy"]


class Proxy(ThreadingTCPServer):
    """An HTTP proxy that connects everything to one address, and notes what it was asked for."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.address = address
        self.asked: list[str] = []


class _Tunnel(BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.request.recv(1)
        self.server.asked.append(head.split()[1].decode())
        with socket.create_connection(self.server.address) as beyond:
            self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_pass_on, args=(beyond, self.request), daemon=True)
            back.start()
            _pass_on(self.request, beyond)
            beyond.shutdown(socket.SHUT_RDWR)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass  # one side has hung up


@contextmanager
def proxy_to(address: str) -> Iterator[Proxy]:
    host, _, port = address.rpartition(":")
    with serving_in_thread(Proxy((host, int(port)))) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as server:
        yield server


@pytest.fixture(autouse=True)
def dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a company's shell, or of a container that Docker gives its proxy: here, one that is dead."""
    for name in (*NAMES, *map(str.upper, NAMES)):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "no_grpc_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "target", ["127.0.0.1:{}", "localhost:{}", "dns:///localhost:{}", "ipv4:127.0.0.1:{}", "0.0.0.0:{}"]
)
def test_this_machine_is_called_without_a_proxy(server: Running, target: str) -> None:
    with Client(target.format(server.server.port), backoff=Backoff(retries=0), timeout_s=20) as client:
        assert client.health() == HEALTHY
        assert client.encode(images=[make_image()]).shape == (1, 3)


def test_the_health_check_of_a_container_asks_no_proxy(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_command("health", "-e", server.address) == 0
    monkeypatch.setenv("OP_ENDPOINT", f"operator.example:{server.server.port}")
    monkeypatch.setenv("OP_BIND", "127.0.0.1")
    assert run_command("health") == 0


def test_the_health_check_asks_no_proxy_for_this_machine_by_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OP_ENDPOINT", "192.0.2.1:1")  # nobody's: only a proxy could answer for it
    with proxy_to("127.0.0.1:9") as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_address[1]}")
        with pytest.raises((Unreachable, DeadlinePassed)):
            run_command("health")
        assert proxy.asked == []


def test_an_operator_elsewhere_is_called_through_the_proxy(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy_to(server.address) as proxy:
        monkeypatch.setenv("grpc_proxy", f"http://127.0.0.1:{proxy.server_address[1]}")
        with Client("operator.example:50051", timeout_s=20) as client:
            assert client.health() == HEALTHY
        assert proxy.asked == ["operator.example:50051"]


def test_a_client_may_be_told_to_use_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy_to("127.0.0.1:9") as proxy:
        monkeypatch.setenv("grpc_proxy", f"http://127.0.0.1:{proxy.server_address[1]}")
        client = Client("no-such-name.invalid:1", timeout_s=5, backoff=Backoff(retries=0), proxy=False)
        with client, pytest.raises(Unreachable):
            client.health()
        assert proxy.asked == []
