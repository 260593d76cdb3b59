"""A real HTTP server with one path per behaviour, and a resolver that says what a test wants."""

from __future__ import annotations

import gzip
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

BODY = b"not really an image, but the fetcher does not look"
_PACE_S = 0.02  # between the bytes of a dripping answer


class Site(ThreadingHTTPServer):
    """The server, with what it saw. ``stopped`` lets go of the paths that never end."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.connections: set[tuple[str, int]] = set()
        self.server_names: list[str | None] = []
        self.stopped = threading.Event()
        self.scheme = "http"

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.server_port}/{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what these tests are about."""

    def wrap(self, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda _sock, name, _context: self.server_names.append(name)  # type: ignore[assignment]
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.scheme = "https"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Site

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.server.requests.append((self.path, dict(self.headers)))
        self.server.connections.add(self.client_address)
        url = urlsplit(self.path)
        name, _, rest = url.path.strip("/").partition("/")
        getattr(self, f"on_{name}")(rest, parse_qs(url.query))

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for key, value in ({"Content_Length": str(len(body))} | headers).items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def on_image(self, *_: Any) -> None:
        self.answer(200, BODY, Set_Cookie="seen=1; Path=/")

    def on_status(self, code: str, _: Any) -> None:
        self.answer(int(code), b"an error page", Retry_After="3600")

    def on_empty(self, *_: Any) -> None:
        self.answer(200)

    def on_redirect(self, _: Any, query: dict[str, list[str]]) -> None:
        location = query["to"][0].encode().decode("latin-1")  # UTF-8 on the wire
        self.answer(int(query.get("code", ["302"])[0]), b"moved", Location=location)

    def on_chain(self, left: str, _: Any) -> None:
        self.answer(302, Location="/image" if left == "0" else f"/chain/{int(left) - 1}")

    def on_loop(self, *_: Any) -> None:
        self.answer(302, Location="/loop")

    def on_redirect_with_endless_body(self, *_: Any) -> None:
        self.answer(302, Location="/image", Content_Length=str(10**12))
        self.pour()

    def on_size(self, size: str, _: Any) -> None:
        self.answer(200, b"x" * int(size))

    def on_declared(self, size: str, _: Any) -> None:
        self.answer(200, b"x", Content_Length=size)

    def on_endless(self, *_: Any) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        self.pour()

    def on_short(self, *_: Any) -> None:
        self.answer(200, BODY, Content_Length=str(len(BODY) + 1))
        self.close_connection = True

    def on_gzip(self, *_: Any) -> None:
        self.answer(200, gzip.compress(BODY), Content_Encoding="gzip")

    def on_gzip_bomb(self, *_: Any) -> None:
        self.answer(200, gzip.compress(bytes(100_000_000), 9), Content_Encoding="gzip")

    def on_broken_gzip(self, *_: Any) -> None:
        self.answer(200, b"this is no gzip", Content_Encoding="gzip")

    def on_hang_up(self, *_: Any) -> None:
        self.close_connection = True

    def on_once_then_hang_up(self, *_: Any) -> None:
        """What a server does that drops idle connections: promises to keep one, and closes it."""
        self.answer(200, BODY)
        self.close_connection = True

    def on_garbage(self, *_: Any) -> None:
        self.wfile.write(b"\x00\x01\x02 this is not HTTP\r\n\r\n")
        self.close_connection = True

    def on_stall(self, *_: Any) -> None:
        self.server.stopped.wait()

    def on_drip_headers(self, *_: Any) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
        self.pour(b"x", _PACE_S)

    def on_drip_body(self, *_: Any) -> None:
        self.answer(200, Content_Length=str(10**6))
        self.pour(b"x", _PACE_S)

    def pour(self, piece: bytes = b"x" * 65536, pace_s: float = 0) -> None:
        while not self.server.stopped.wait(pace_s):
            self.wfile.write(piece)


@dataclass
class Resolver:
    """Names that tests give addresses to. A name's answers are used up one by one; the last one stays."""

    names: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def set(self, name: str, *answers: list[str]) -> None:
        self.names[name] = list(answers)

    def addresses(self, name: str) -> list[str]:
        answers = self.names[name]
        return answers.pop(0) if len(answers) > 1 else answers[0]
