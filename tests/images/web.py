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
# Hosts that must not be reached, in the spellings by which guards have been passed.
PRIVATE_SPELLINGS = """
    127.0.0.1 127.1 127.0.1 127.255.255.254 2130706433 017700000001 0x7f000001 0x7F.0x0.0x0.0x1 0177.0.0.1 0x7f.1
    127.0.0.1. 0 0.0.0.0 00000177.0.0.1 127.00.00.01 4294967295 0x7f.0.1
    10.0.0.1 10.1 167772161 172.16.0.1 192.168.1.1 0xc0a80101 169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376
    100.64.0.1 100.100.100.200 192.0.0.192 198.18.0.1 192.0.2.1 203.0.113.7 224.0.0.1 255.255.255.255 168.63.129.16
    127%2e0%2e0%2e1 %31%32%37.0.0.1
    １２７.０.０.１ 127。0。0。1 ①②⑦.⓪.⓪.① 169．254．169．254
    localhost LOCALHOST localhost. LocalHost.
    [::1] [::] [0:0:0:0:0:0:0:1] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:127.0.0.1]
    [::ffff:169.254.169.254] [::ffff:8.8.8.8] [64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::a00:1] [2002:7f00:1::]
    [2001:0:4136:e378:8000:63bf:3fff:fdd2] [fc00::1] [fd00:ec2::254] [fe80::1] [fe80::1%25eth0] [fe80::1%eth0]
    [fec0::1] [ff02::1] [2001:db8::1] [100::1]
""".split()  # noqa: SIM905 - a table

_PACE_S = 0.02  # between the bytes of a dripping answer


class Site(ThreadingHTTPServer):
    """The server, with what it saw. ``stopped`` lets go of the paths that never end."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.connections: set[tuple[str, int]] = set()
        self.server_names: list[str | None] = []
        self.stopped = threading.Event()
        self.hung_up = threading.Event()
        self.scheme = "http"

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.server_port}/{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what these tests are about."""

    def wrap(self, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda _sock, name, _context: self.server_names.append(name)
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

    def on_two_lengths(self, *_: Any) -> None:
        self.send_response(200)
        for length in "12":
            self.send_header("Content-Length", length)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        self.rfile.read(1)
        self.server.hung_up.set()

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
