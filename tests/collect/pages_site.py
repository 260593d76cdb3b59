"""A web of one server for the tests of ``visop collect``: what stands at each path, and what was asked for."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image as PILImage

from tests.in_thread import serving_in_thread

Path = Callable[[BaseHTTPRequestHandler], None]


def picture(seed: int, size: tuple[int, int] = (120, 90), kind: str = "PNG", **options: Any) -> bytes:
    """An image file of smooth noise: of every seed another picture, also to a perceptual hash."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    buffer = io.BytesIO()
    PILImage.fromarray(noise).resize(size, PILImage.Resampling.BICUBIC).save(buffer, kind, **options)
    return buffer.getvalue()


def sends(body: bytes | str, kind: str = "text/html; charset=utf-8", status: int = 200, **headers: str) -> Path:
    """A path that answers."""
    data = body.encode() if isinstance(body, str) else body

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def redirects(location: str) -> Path:
    return sends(b"moved", status=302, Location=location)


def endless(start: bytes, piece: bytes, kind: str) -> Path:
    """A path that answers, and never stops."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.end_headers()
        handler.wfile.write(start)
        while True:  # until the client hangs up
            handler.wfile.write(piece)

    return answer


class PagesSite(ThreadingHTTPServer):
    """The server. ``paths`` says what stands where; what is not there is a 404."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: dict[str, Path] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def page(self, path: str, html: str) -> str:
        """Put a page there; its URL."""
        self.paths[path] = sends(html)
        return self.url(path)

    def pictures(self, count: int) -> str:
        """Put pictures at /1.png and so on; the tags that show them."""
        for seed in range(1, count + 1):
            self.paths[f"/{seed}.png"] = sends(picture(seed), "image/png")
        return "".join(f"<img src=/{seed}.png alt='number {seed}'>" for seed in range(1, count + 1))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: PagesSite

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.headers.append(dict(self.headers))
        self.server.paths.get(self.path, sends("not here", status=404))(self)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def open_site() -> Iterator[PagesSite]:
    with serving_in_thread(PagesSite()) as server:
        yield server
