"""``Client.encode_stream`` and the stream under it, against servers that go away, hang and change."""

import threading
import time
from typing import Any

import numpy as np
import pytest
from grpc import StatusCode

from tests.conftest import note
from tests.stub_operator import StubOperator, serving, vector_of
from visop.client import Client
from visop.client.backoff import Backoff
from visop.errors import DeadlinePassed, InvalidInput, Overloaded, ShuttingDown, Unreachable, VisopError

QUICK = Backoff(retries=20, first_s=0.01, longest_s=0.1)
IMAGES = [b"image %d" % number for number in range(40)]


@pytest.fixture
def operator():
    return StubOperator()


@pytest.fixture
def client(operator):
    with serving(operator) as port, Client(f"127.0.0.1:{port}", timeout_s=20, bulk_backoff=QUICK) as client:
        yield client


def assert_right(results, images=IMAGES):
    np.testing.assert_array_equal(list(results), [vector_of(image) for image in images])


def test_results_come_in_order(client, operator):
    assert_right(client.encode_stream(IMAGES, batch=3, window=2))
    assert operator.streams == 1
    assert all(request.partial for request in operator.requests)


def test_an_empty_stream_has_no_results(client):
    assert list(client.encode_stream([])) == []


def test_bytes_urls_and_errors_keep_their_places(client):
    unreadable = InvalidInput("cannot be read")
    results = list(client.encode_stream([b"a", "http://b", unreadable, b"bad", "http://gone", b"c"], batch=4))
    assert [type(result).__name__ for result in results] == [
        "ndarray", "ndarray", "InvalidInput", "InvalidInput", "FetchUnavailable", "ndarray",
    ]  # fmt: skip
    assert results[2] is unreadable
    np.testing.assert_array_equal(results[1], vector_of(b"http://b"))
    np.testing.assert_array_equal(results[5], vector_of(b"c"))


def test_inputs_are_read_no_further_than_the_window(client):
    taken: list[Any] = []
    stream = client.encode_stream((note(taken, image) for image in IMAGES), batch=2, window=3)
    for done in range(1, 20):
        next(stream)
        assert len(taken) <= done + 2 * 3
    stream.close()


def test_a_few_requests_are_under_way_at_the_same_time(client, operator):
    operator.gate.clear()
    sent = threading.Event()

    def images():
        for number, image in enumerate(IMAGES):
            if number == 6:
                sent.set()  # three requests were handed over, none is answered
            yield image

    thread = threading.Thread(target=lambda: assert_right(client.encode_stream(images(), batch=2, window=4)))
    thread.start()
    assert sent.wait(10)
    operator.gate.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_broken_stream_is_mended_without_answering_twice(client, operator):
    operator.stream_lives += [(2, ShuttingDown("draining")), (0, ShuttingDown("draining")), (3, None)]
    assert_right(client.encode_stream(IMAGES, batch=2, window=3))
    assert operator.streams == 4
    assert operator.answered == IMAGES


def test_an_overloaded_operator_is_asked_again(client, operator):
    operator.failures += [Overloaded("full", retry_after_s=0.01)] * 3
    assert_right(client.encode_stream(IMAGES))


def test_progress_forgives_earlier_failures(operator):
    operator.stream_lives += [(1, ShuttingDown("draining"))] * 8
    backoff = Backoff(retries=1, first_s=0.001)
    with serving(operator) as port, Client(f"127.0.0.1:{port}", timeout_s=20, bulk_backoff=backoff) as client:
        assert_right(client.encode_stream(IMAGES, batch=4))


def test_other_failures_end_the_stream_with_their_error(client, operator):
    operator.stream_lives.append((2, InvalidInput("257 inputs in one request")))
    stream = client.encode_stream(IMAGES, batch=2)
    assert_right([next(stream) for _ in range(4)], IMAGES[:4])
    with pytest.raises(InvalidInput, match="257"):
        next(stream)
    assert operator.streams == 1


def test_a_server_that_restarts_is_waited_for(operator):
    second = StubOperator()
    with serving(operator) as port:
        client = Client(f"127.0.0.1:{port}", timeout_s=20, bulk_backoff=QUICK)
        stream = client.encode_stream(IMAGES, batch=2, window=2)
        results = [next(stream) for _ in range(10)]
    with client, serving(second, port):
        results += stream
    assert_right(results)
    assert second.streams >= 1


def test_another_operator_at_the_same_address_is_refused(operator):
    other = StubOperator()
    other.identity.fingerprint = "two"
    with serving(operator) as port:
        client = Client(f"127.0.0.1:{port}", timeout_s=20, bulk_backoff=QUICK)
        stream = client.encode_stream(IMAGES, batch=2, window=2)
        next(stream)
    with client, serving(other, port), pytest.raises(VisopError, match="fingerprint one, and is now stub with two"):
        list(stream)
    assert other.answered == []


def test_a_server_that_stays_away_is_an_error(operator):
    with serving(operator) as port:
        client = Client(f"127.0.0.1:{port}", timeout_s=20, bulk_backoff=Backoff(retries=3, first_s=0.01))
        stream = client.encode_stream(IMAGES, batch=2, window=2)
        next(stream)
    with client, pytest.raises(Unreachable):
        list(stream)


def test_a_server_that_hangs_costs_no_more_than_the_deadline(operator):
    with serving(operator) as port, Client(f"127.0.0.1:{port}", timeout_s=0.5) as client:
        stream = client.encode_stream(IMAGES, batch=2, window=2)
        next(stream)
        next(stream)
        operator.gate.clear()
        with pytest.raises(DeadlinePassed, match=r"0\.5 s"):
            list(stream)
        operator.gate.set()


def test_the_time_that_the_caller_takes_does_not_count(operator):
    with serving(operator) as port, Client(f"127.0.0.1:{port}", timeout_s=0.5) as client:
        stream = client.encode_stream(IMAGES, batch=2, window=2)
        next(stream)
        time.sleep(1.0)  # not to synchronise: the pause is what is tested
        assert len(list(stream)) == len(IMAGES) - 1


def test_closing_early_cancels_the_call_and_leaves_no_thread(client, operator):
    before = set(threading.enumerate())
    stream = client.encode_stream(IMAGES, batch=1)
    next(stream)
    stream.close()
    assert operator.left.wait(10)
    wait_for_threads_to_end(before)


def test_an_error_of_the_callers_own_iterator_comes_through(client, operator):
    def images():
        yield from IMAGES[:10]
        raise KeyError("mine")

    before = set(threading.enumerate())
    with pytest.raises(KeyError, match="mine"):
        list(client.encode_stream(images(), batch=2))
    assert operator.left.wait(10)
    wait_for_threads_to_end(before)


def wait_for_threads_to_end(before):
    """gRPC's threads end by themselves, soon after the call; the pool of the stub server stays."""
    for thread in set(threading.enumerate()) - before:
        if not thread.name.startswith("ThreadPoolExecutor"):
            thread.join(10)
            assert not thread.is_alive(), thread.name


class BusyOnce(StubOperator):
    """The server of each URL is busy the first time. Then happens what the test wants to."""

    def __init__(self, then):
        super().__init__()
        self._then = then

    def _answer(self, request):
        reply = super()._answer(request)
        if self._then is not None:
            for vector, status in zip(reply.vectors, reply.statuses, strict=True):
                vector.Clear()
                status.code, status.retry_after_s = StatusCode.UNAVAILABLE.value[0], 0.01
            self._then(self)
            self._then = None
        return reply


def become_another(operator):
    operator.identity.fingerprint = "another"


def restart(operator):
    operator.failures += [ShuttingDown("draining")] * 8  # more than a single call tries


def test_an_input_that_is_sent_again_waits_for_its_operator_like_the_stream():
    with serving(BusyOnce(restart)) as port, Client(f"127.0.0.1:{port}", timeout_s=20, bulk_backoff=QUICK) as client:
        assert_right(client.encode_stream(["http://a"]), [b"http://a"])


def test_an_input_is_not_sent_again_to_another_operator():
    unlike = pytest.raises(VisopError, match="their vectors do not fit together")
    with serving(BusyOnce(become_another)) as port, Client(f"127.0.0.1:{port}", timeout_s=20) as client, unlike:
        list(client.encode_stream(["http://a"]))
