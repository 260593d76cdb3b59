"""A server below HTTP: it notes what arrives byte for byte, and sends the bytes that a test wants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer

from tests.in_thread import serving_in_thread

BODY = b"not really an image, but the fetcher does not look"


def answer(body: bytes = BODY, status: str = "200 OK", *headers: str) -> bytes:
    """An answer after which the server hangs up."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


class Wire(ThreadingTCPServer):
    """The server.

    Attributes:
        answers: what is sent for a target, one by one; the last one stays. For other targets it is a file.
        targets: of the requests, as they arrived: what stands between ``GET`` and ``HTTP/1.1``.
        hosts: the Host headers.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = int(self.server_address[1])
        self.answers: dict[str, list[bytes]] = {}
        self.targets: list[str] = []
        self.hosts: list[str] = []

    def url(self, target: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{target}"


class _Handler(StreamRequestHandler):
    server: Wire

    def handle(self) -> None:
        line = self.rfile.readline().decode("latin-1")
        head = list(iter(self.rfile.readline, b"\r\n"))
        target = line.removeprefix("GET ").removesuffix(" HTTP/1.1\r\n")
        self.server.targets.append(target)
        self.server.hosts += [each[6:].strip().decode() for each in head if each.lower().startswith(b"host: ")]
        answers = self.server.answers.get(target, [answer()])
        self.wfile.write(answers.pop(0) if len(answers) > 1 else answers[0])


@contextmanager
def open_wire() -> Iterator[Wire]:
    with serving_in_thread(Wire()) as wire:
        yield wire
