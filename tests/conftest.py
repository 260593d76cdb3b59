"""Fixtures for the whole suite: a toy operator, a real server around it, and pictures made in code."""

from __future__ import annotations

import base64
import io
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from operator import add, sub
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import numpy as np
import pytest
from PIL import Image as PILImage

from tests.in_thread import serving_in_thread
from tests.made_once import MakeOnce, made_once, shared_folder
from tests.toys import ToyOperator
from visop.cli.main import make_parser
from visop.contract import Encoder, Processor
from visop.rpc import rpc_pb2_grpc
from visop.serving.part_encoder import AnyOperator, PartEncoder
from visop.serving.pipeline import Pipeline
from visop.serving.server import MakeCompanion, Server
from visop.settings import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

T = TypeVar("T")

# A shell that starts the tests in the background lets them, and what they start, ignore Ctrl-C. Processes under test
# get the default again.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OP_", "VISOP_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def run_command(*words: object) -> int:
    """A command as it is typed, but for ``main`` around it: errors come through. The exit status."""
    arguments = make_parser().parse_args([str(word) for word in words])
    status: int = arguments.run(arguments)
    return status


def note(seen: list[T], value: T) -> T:
    """Append a value to what was seen, and hand it on."""
    seen.append(value)
    return value


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something holds that no event tells of."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def make_image(
    colour: tuple[int, int, int] = (10, 20, 30), size: tuple[int, int] = (16, 12), kind: str = "PNG"
) -> bytes:
    """An image file of one colour; PNG keeps the colour exactly."""
    buffer = io.BytesIO()
    PILImage.new("RGB", size, colour).save(buffer, kind)
    return buffer.getvalue()


def make_scene(
    boxes: dict[tuple[int, int, int], tuple[int, int, int, int]],
    size: tuple[int, int] = (64, 48),
    kind: str = "PNG",
    background: tuple[int, int, int] = (128, 128, 128),
) -> bytes:
    """An image file with a rectangle (x, y, w, h) of each colour on grey: what ToyProcessor finds."""
    picture = PILImage.new("RGB", size, background)
    for colour, (x, y, w, h) in boxes.items():
        picture.paste(colour, (x, y, x + w, y + h))
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def picture_file(colour: tuple[int, int, int], size: tuple[int, int] = (16, 12)) -> bytes:
    """A PNG whose mean is this colour: its left half is darker and its right half lighter, so that it is not empty."""
    shade = tuple(min(10, each, 255 - each) for each in colour)
    image = PILImage.new("RGB", size, tuple(map(sub, colour, shade)))
    image.paste(tuple(map(add, colour, shade)), (size[0] // 2, 0, *size))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def make_base64(colour: tuple[int, int, int] = (10, 20, 30)) -> str:
    return base64.b64encode(make_image(colour)).decode()


def unit(colour: tuple[int, int, int]) -> np.ndarray:
    """The vector that ToyOperator has for a colour."""
    vector = np.asarray(colour, np.float64)
    return vector / np.linalg.norm(vector)


@dataclass
class Running:
    """A server under test."""

    operator: Any
    pipeline: Pipeline
    server: Server
    address: str
    channel: grpc.Channel
    stub: rpc_pb2_grpc.OperatorStub


@contextmanager
def running(
    operator: AnyOperator | None = None,
    companions: Sequence[MakeCompanion] = (),
    **changes: Any,
) -> Iterator[Running]:
    """A real server on a free port of the loopback, and a channel to it."""
    operator = operator or ToyOperator()
    settings = replace(Settings(endpoint="127.0.0.1:0", fetch_allow=("127.0.0.1",), drain_timeout_s=5), **changes)
    with Pipeline(operator, settings) as pipeline, Server(operator, pipeline, settings, companions) as server:
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(server.address, options) as channel:
            try:
                yield Running(operator, pipeline, server, server.address, channel, rpc_pb2_grpc.OperatorStub(channel))
            finally:
                _let_go(operator)


def _let_go(operator: Any) -> None:
    """Let a toy that a test made wait answer what it has."""
    toys: list[Any] = [operator.processor, operator.encoder] if isinstance(operator, PartEncoder) else [operator]
    for toy in toys:
        if hasattr(toy, "gate"):
            toy.gate.set()


@pytest.fixture
def running_server() -> Iterator[Running]:
    with running() as server:
        yield server


@pytest.fixture
def start_server() -> Iterator[Callable[..., Running]]:
    """Start servers with other settings or another operator; they stop with the test."""
    with ExitStack() as stack:
        yield lambda operator=None, **changes: stack.enter_context(running(operator, **changes))


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> MakeOnce:
    """Make a folder by its name, once for all processes in which the tests run."""
    return partial(made_once, shared_folder(tmp_path_factory))


@pytest.fixture(scope="session")
def model_cache(make_once: MakeOnce) -> Path:
    """One cache for all tests, so that each model is built once."""
    return make_once("models", lambda folder: None)


class _Pictures(BaseHTTPRequestHandler):
    """``/R-G-B.png`` is a picture whose mean is that colour, ``/page`` is a web page; anything else is not there."""

    def do_GET(self) -> None:
        try:
            body = b"<html>" if self.path == "/page" else self._picture()
        except ValueError:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _picture(self) -> bytes:
        red, green, blue = map(int, self.path.removeprefix("/").removesuffix(".png").split("-"))
        return picture_file((red, green, blue))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def picture_server() -> Iterator[str]:
    """The base URL of a real HTTP server."""
    with serving_in_thread(ThreadingHTTPServer(("127.0.0.1", 0), _Pictures)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="session")
def faces(model_cache: Path) -> Iterator[Processor]:
    """The face detector, loaded; building it takes seconds."""
    pytest.importorskip("mtcnn")
    from visop.processors.faces import Faces

    processor = Faces(Settings(cache_dir=model_cache))
    processor.load()
    yield processor
    processor.close()


@pytest.fixture(scope="session")
def embedded(model_cache: Path) -> Iterator[Encoder]:
    """The encoder that is shipped, loaded."""
    from visop.models.built_in_encoder import BuiltInEncoder

    encoder = BuiltInEncoder(Settings(model="embedded", cache_dir=model_cache))
    encoder.load()
    yield encoder
    encoder.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    from playwright.sync_api import sync_playwright  # which the tests on the newest Python do without

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, chromium_sandbox=os.geteuid() != 0)
        yield browser
        browser.close()
