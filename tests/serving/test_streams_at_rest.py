"""Streams that are open and send nothing hold nothing that others need, and none is open for ever."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import grpc
import pytest

from tests.conftest import Running, make_image
from tests.serving.test_messages import STREAM, Sender
from visop.errors import Overloaded, ShuttingDown
from visop.rpc import rpc_pb2
from visop.serving.admission import CallAdmission, Place
from visop.serving.server import _options
from visop.settings import Settings

Start = Callable[..., Running]
REQUEST = rpc_pb2.ExecuteRequest(images=[make_image()])


class Stream:
    """One stream, which stays open until the end of the block."""

    def __init__(self, server: Running) -> None:
        self._requests: queue.SimpleQueue[rpc_pb2.ExecuteRequest | None] = queue.SimpleQueue()
        self.call = server.stub.ExecuteStream(iter(self._requests.get, None), timeout=30)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.call.cancel()
        self._requests.put(None)

    def ask(self) -> int:
        self._requests.put(REQUEST)
        return int(next(self.call).nums)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_streams_without_work_hold_no_place(start_server: Start, stack: ExitStack) -> None:
    server = start_server(max_calls=4, max_batch=2)
    streams = [stack.enter_context(Stream(server)) for _ in range(6)]
    for _ in range(2):
        assert [each.ask() for each in streams] == [1] * 6
        assert server.stub.Execute(REQUEST, timeout=5).nums == 1


def test_streams_without_work_give_their_threads_to_others(start_server: Start, stack: ExitStack) -> None:
    server = start_server(max_calls=2, max_batch=2)  # and 64 threads more
    streams = []
    for _ in range(68):
        streams.append(stack.enter_context(Stream(server)))
        assert streams[-1].ask() == 1
    assert server.stub.Execute(REQUEST, timeout=5).nums == 1
    assert {each.call.code() for each in streams if not each.call.is_active()} == {grpc.StatusCode.UNAVAILABLE}


def test_a_stream_ends_when_it_is_old_with_all_answered_that_it_sent(start_server: Start, stack: ExitStack) -> None:
    server = start_server(max_connection_age_s=10, max_connection_age_grace_s=0.5)
    stream = stack.enter_context(Stream(server))
    with suppress(grpc.RpcError):
        while stream.ask():
            pass
    assert stream.call.code() is grpc.StatusCode.UNAVAILABLE
    assert "send the rest on another one" in stream.call.details()


def test_connections_are_renewed_and_no_call_is_lost(start_server: Start) -> None:
    server = start_server(max_connection_age_s=0.3)
    ends = time.monotonic() + 1.2

    def call(_: int) -> int:
        count = 0
        while time.monotonic() < ends:
            count += server.stub.Execute(REQUEST, timeout=5).nums
        return count

    with Sender(server.address, STREAM, b"") as held, ThreadPoolExecutor(4) as pool:
        assert all(pool.map(call, range(4)))
        assert held.ended.wait(5)  # it was asked to leave


def test_connections_have_an_age_by_default() -> None:
    assert dict(_options(Settings()))["grpc.max_connection_age_ms"] == 3_600_000


def test_a_stream_that_was_without_work_waits_for_a_place_and_a_new_one_does_not() -> None:
    calls = CallAdmission(1)
    is_open = [True]
    place, other = (Place(calls, "", 0.02, lambda: is_open[0]) for _ in range(2))
    place.begin()
    place.begin()
    with pytest.raises(Overloaded):
        other.begin()
    place.end()
    assert calls.accepted == 1
    place.end()
    assert calls.accepted == 0
    other.begin()
    with pytest.raises(Overloaded, match="1 calls"):
        place.begin()
    is_open[0] = False
    with pytest.raises(ShuttingDown):
        place.begin()
    other.close()
    other.close()
    assert calls.accepted == 0
