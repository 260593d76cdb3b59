"""Mutated files, texts, URLs and answers: an error of ours or a result, nothing else, soon, and nothing on disk."""

from __future__ import annotations

import base64
import io
import os
import re
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from benchmarks.mutations import INTERESTING, MUTATIONS, damaged, mutate
from tests.images.web import PRIVATE_SPELLINGS, Resolver
from visop.errors import UrlRejected, VisopError
from visop.images.base64_text import decode_base64
from visop.images.decode import ImageLimits, decode_image, resize_image
from visop.images.fetching.fetch import Fetcher
from visop.images.formats.heif import has_heif

COUNTS = pytest.mark.parametrize(
    "count", [600, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
LIMITS = ImageLimits(
    max_bytes=100_000,
    max_pixels=1_000_000,
    max_frames=20,
    formats=("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "MPO", "AVIF", "HEIF"),
)


def examples(count: int, **strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], None]:
    """Run a function on so many examples, always the same ones."""
    profile = settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    return lambda function: profile(given(**strategies)(function))()


# Nothing on disk, no program started: Python tells of both.

_FORBIDDEN = re.compile(
    r"os\.(mkdir|rename|remove|rmdir|link|symlink|truncate|system|exec|posix_spawn)|subprocess|tempfile"
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_watched: set[int] = set()
_seen: list[tuple[str, Any]] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if threading.get_ident() in _watched and (
        (event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING) or _FORBIDDEN.match(event)
    ):
        _seen.append((event, arguments))


sys.addaudithook(_hook)


@contextmanager
def nothing_written() -> Iterator[None]:
    _watched.add(threading.get_ident())
    try:
        yield
    finally:
        _watched.discard(threading.get_ident())
    assert not _seen


@contextmanager
def only_our_errors() -> Iterator[None]:
    """An error of ours, within 5 s of processor time, or none."""
    started = time.thread_time()
    with nothing_written(), suppress(VisopError):
        yield
    assert time.thread_time() - started < 5


# Files


def seeds() -> list[bytes]:
    assert has_heif()
    rng = np.random.default_rng(0)
    rgb = PILImage.fromarray(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)).resize(
        (48, 36), PILImage.Resampling.BICUBIC
    )
    wide = PILImage.fromarray(rng.integers(0, 65535, (8, 8), dtype=np.uint16))
    real = PILImage.fromarray(rng.random((8, 8), dtype=np.float32))
    exif = PILImage.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"

    def series(**options: Any) -> dict[str, Any]:  # anew each time: encoders leave settings behind in a picture
        return {"save_all": True, "append_images": [rgb.rotate(90), rgb.rotate(180)], **options}

    plan: list[tuple[PILImage.Image, str, dict[str, Any]]] = [
        (rgb, "JPEG", {"exif": exif}),
        (rgb, "JPEG", {"progressive": True, "quality": 30}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (rgb, "MPO", series()),
        (rgb, "PNG", {"exif": exif, "icc_profile": bytes(200)}),
        (rgb.quantize(16), "PNG", {"transparency": bytes(16), "bits": 4}),
        (wide, "PNG", {}),
        (rgb, "PNG", series()),
        (rgb, "GIF", series(disposal=2, comment=b"hello")),
        (rgb.quantize(8), "GIF", {"interlace": 1, "transparency": 3}),
        (rgb, "WEBP", {"exif": exif}),
        (rgb.convert("RGBA"), "WEBP", {"lossless": True}),
        (rgb, "WEBP", series()),
        (rgb, "AVIF", {"exif": exif, "speed": 10}),
        (rgb, "AVIF", {"save_all": True, "append_images": [rgb], "speed": 10}),
        (rgb.convert("RGBA"), "AVIF", {"speed": 10}),
        (rgb, "HEIF", {}),
        (rgb, "BMP", {}),
        (rgb.quantize(16), "BMP", {}),
        (rgb.convert("1"), "BMP", {}),
        (rgb, "TIFF", {"exif": exif}),
        (rgb, "TIFF", series()),
        (real, "TIFF", {}),
        (wide, "TIFF", {"compression": "tiff_lzw"}),
        (rgb.convert("1"), "TIFF", {"compression": "group4"}),
        *((rgb, "TIFF", {"compression": name}) for name in ("tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma")),
    ]
    files = []
    for image, kind, options in plan:
        buffer = io.BytesIO()
        image.copy().save(buffer, kind, **options)
        files.append(buffer.getvalue())
    return files


mutations = st.tuples(
    st.sampled_from(MUTATIONS),
    st.integers(0, 2**20),
    st.sampled_from(INTERESTING) | st.integers(0, 2**32 - 1),
)


@COUNTS
def test_no_mutated_file_breaks_the_decoder(count: int) -> None:
    @examples(
        count,
        seed=st.sampled_from(seeds()),
        changes=st.lists(mutations, min_size=1, max_size=6),
        side=st.sampled_from([None, 8]),
    )
    def check(seed: bytes, changes: list[tuple[str, int, int]], side: int | None) -> None:
        data = damaged(seed, changes)
        with only_our_errors():
            image = decode_image(data, LIMITS, side)
            assert image.dtype == np.uint8
            assert image.ndim == 3
            assert resize_image(image, 16, 16, "bilinear").shape == (16, 16, 3)


@COUNTS
def test_no_file_of_random_bytes_breaks_the_decoder(count: int) -> None:
    starts = [seed[:size] for seed in seeds() for size in (4, 16, 40)]

    @examples(count, start=st.sampled_from(starts), rest=st.binary(max_size=200))
    def check(start: bytes, rest: bytes) -> None:
        with only_our_errors():
            decode_image(start + rest, LIMITS)


@COUNTS
def test_no_text_breaks_the_base64_decoder(count: int) -> None:
    texts = [base64.b64encode(seed).decode() for seed in seeds()]
    texts += ["data:image/png;base64," + texts[0], base64.encodebytes(seeds()[1]).decode()]
    characters = st.sampled_from("=-_+/ \n\r\t,;:AZaz09é\u3000\x00\ud800")

    @examples(
        count,
        text=st.sampled_from(texts) | st.text(max_size=100),
        edits=st.lists(st.tuples(st.integers(0, 2**16), characters), max_size=5),
        max_bytes=st.sampled_from([1, 100, 100_000]),
    )
    def check(text: str, edits: list[tuple[int, str]], max_bytes: int) -> None:
        for place, character in edits:
            text = text[: place % (len(text) + 1)] + character + text[place % (len(text) + 1) :]
        with only_our_errors():
            assert 0 < len(decode_base64(text, max_bytes)) <= max_bytes


# URLs


@COUNTS
def test_no_mutated_url_gets_past_the_checks(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name is private here, so that a URL that passes has found a way around the look-up."""
    connected: list[Any] = []
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        return real("10.0.0.1" if host else host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr("visop.images.fetching.fetch._Socket.connect", lambda _self, address: connected.append(address))
    hosts = ["innocent.example", "innocent.example:8080", "xn--bcher-kva.example", "bücher.example", *PRIVATE_SPELLINGS]
    pieces = [
        "@",
        "\\",
        "#",
        "?",
        "/",
        ":",
        "//",
        "%",
        "%00",
        "%2e",
        "%40",
        "。",
        "．",
        "[",
        "]",
        "\t",
        "\r\n",
        " ",
        ".",
        "ß",
    ]

    with Fetcher(timeout_s=5, max_bytes=1000, max_redirects=1) as fetcher:

        @examples(
            count,
            scheme=st.sampled_from(["http", "https", "HTTP", "file", "gopher", "", "h"]),
            slashes=st.sampled_from(["://", "://", "://", ":", ":/", ":///"]),
            host=st.sampled_from(hosts),
            tail=st.sampled_from(["", "/", "/a.jpg", "/a?b=c", "?b", "#d", ":80/", "@example/"]),
            edits=st.lists(st.tuples(st.integers(0, 2**16), st.sampled_from(pieces) | st.characters()), max_size=4),
        )
        def check(scheme: str, slashes: str, host: str, tail: str, edits: list[tuple[int, str]]) -> None:
            url = scheme + slashes + host + tail
            for place, piece in edits:
                url = url[: place % (len(url) + 1)] + piece + url[place % (len(url) + 1) :]
            with nothing_written(), pytest.raises(UrlRejected):
                fetcher.fetch(url)

    assert not connected


# Answers


ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n",
    b"HTTP/1.0 200\r\nContent-Encoding: gzip\r\n\r\n" + zlib.compress(b"hello" * 100, wbits=31),
    b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate, gzip\r\n\r\n" + zlib.compress(zlib.compress(b"hello"), wbits=31),
    b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/a\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\nhi",
]


@pytest.fixture
def parrot() -> Iterator[tuple[str, Callable[[bytes], None]]]:
    """A server that answers every connection with the bytes that it was told, and hangs up."""
    answer = [b""]
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(TimeoutError):
                    connection.settimeout(2)
                    connection.recv(65536)
                    connection.sendall(answer[0])
                    connection.shutdown(socket.SHUT_WR)
                    # Until the client has hung up: closing now would throw away what it has not read. One that ran out
                    # of time keeps its connection until Python collects it.
                    connection.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", lambda data: answer.__setitem__(0, data)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("count", [200, pytest.param(3000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
def test_no_mutated_answer_breaks_the_fetcher(
    count: int, parrot: tuple[str, Callable[[bytes], None]], resolver: Resolver
) -> None:
    url, say = parrot
    with Fetcher(timeout_s=1, max_bytes=10_000, max_redirects=2, allow=("127.0.0.1",)) as fetcher:

        @examples(count, seed=st.sampled_from(ANSWERS), changes=st.lists(mutations, max_size=6))
        def check(seed: bytes, changes: list[tuple[str, int, int]]) -> None:
            for change in changes:
                seed = mutate(seed, *change)
            say(seed)
            with only_our_errors():
                assert 0 < len(fetcher.fetch(url)) <= 10_000
