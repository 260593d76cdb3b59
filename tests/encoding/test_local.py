import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tests.conftest import make_image, note, unit
from tests.in_thread import serving_in_thread
from visop.client import HEALTHY
from visop.encoding.local import open_local
from visop.errors import FetchFailed, InvalidInput, VisopError
from visop.settings import Settings

SETTINGS = Settings(operator="tests.toys:ToyOperator", fetch_allow=("127.0.0.1",))


@pytest.fixture
def encoder():
    with open_local(SETTINGS) as encoder:
        yield encoder


def test_it_says_what_it_is(encoder):
    assert (encoder.info.name, encoder.info.fingerprint, encoder.health()) == ("toy", "toy-1", HEALTHY)


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_vectors_come_in_order(encoder, batch):
    colours = [(number + 1, 100, 200) for number in range(20)]
    vectors = list(encoder.encode_stream((make_image(colour) for colour in colours), batch=batch))
    np.testing.assert_allclose(vectors, [unit(colour) for colour in colours], atol=1e-6)


def test_a_batch_is_no_larger_than_the_operator_takes():
    with open_local(replace(SETTINGS, max_items=8)) as encoder:
        vectors = list(encoder.encode_stream((make_image((9, 9, 9)) for _ in range(20)), batch=16))
    assert [np.shape(vector) for vector in vectors if isinstance(vector, np.ndarray)] == [(3,)] * 20


def test_bytes_urls_and_errors_keep_their_places(encoder, picture_server):
    unreadable = InvalidInput("cannot be read")
    inputs = [make_image((1, 2, 3)), f"{picture_server}/4-5-6.png", unreadable, b"text", f"{picture_server}/no"]
    first, second, *errors = encoder.encode_stream(inputs, batch=8)
    np.testing.assert_allclose([first, second], [unit((1, 2, 3)), unit((4, 5, 6))], atol=1e-6)
    assert errors[0] is unreadable
    assert [isinstance(error, VisopError) for error in errors] == [True] * 3
    assert isinstance(errors[2], FetchFailed)


def test_inputs_are_read_only_a_few_batches_ahead(encoder):
    taken: list[int] = []
    inputs = (make_image((note(taken, number), 1, 1)) for number in range(100))
    next(encoder.encode_stream(inputs, batch=2))
    assert len(taken) <= 6


def test_all_fetch_workers_are_for_the_one_who_asks():
    together = threading.Barrier(4)

    class Web(BaseHTTPRequestHandler):
        def do_GET(self):
            together.wait(10)
            body = make_image((4, 5, 6))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with (
        serving_in_thread(ThreadingHTTPServer(("127.0.0.1", 0), Web)) as server,
        open_local(replace(SETTINGS, fetch_workers=4)) as encoder,
    ):
        urls = [f"http://127.0.0.1:{server.server_port}/{number}" for number in range(4)]
        vectors = list(encoder.encode_stream(urls, batch=4))
    assert [isinstance(vector, np.ndarray) for vector in vectors] == [True] * 4
