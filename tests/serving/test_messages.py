"""Messages on their way in and out hold no more bytes than may be, and none for ever."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from unittest.mock import Mock

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.hostile_grpc import Http2
from tests.conftest import Running, make_image, wait_until
from visop.errors import Overloaded
from visop.rpc import rpc_pb2
from visop.serving.arrivals import Arrivals
from visop.serving.bytes_in_flight import BytesInFlight, most_bytes_in_flight
from visop.serving.incoming import IncomingCall
from visop.serving.large_pictures import most_large_bytes
from visop.settings import MIB, Settings

Start = Callable[..., Running]
EXECUTE = "/omnisearch.Operator/Execute"
STREAM = "/omnisearch.Operator/ExecuteStream"
REQUEST = rpc_pb2.ExecuteRequest(images=[make_image()])
SMALL = {"max_image_bytes": 2 * MIB, "max_message_bytes": 4 * MIB, "max_bytes_in_flight": 8 * MIB}


class Sender:
    """Sends a part of one message on a connection of its own, and reads no answer unless there is a window for it."""

    def __init__(self, address: str, method: str, data: bytes, window: int = 65_535) -> None:
        self._address, self._method, self._data, self._window = address, method, data, window
        self.sent, self.ended, self._stop = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Sender:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with suppress(OSError), Http2(self._address, wait_s=0.05) as connection:
            connection.begin(self._method, self._window)
            connection.send(self._data, self._stop)
            self.sent.set()
            while not self._stop.is_set():
                connection.read()
        self.ended.set()


def begun(size: int, part: int) -> bytes:
    """The first ``part`` bytes of a message of so many."""
    return b"\0" + struct.pack(">L", size) + bytes(part)


def whole(message: bytes) -> bytes:
    return b"\0" + struct.pack(">L", len(message)) + message


@contextmanager
def senders(server: Running, count: int, method: str, data: bytes, window: int = 65_535) -> Iterator[list[Sender]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Sender(server.address, method, data, window)) for _ in range(count)]


@pytest.mark.parametrize("method", [EXECUTE, STREAM, "/grpc.health.v1.Health/Check"])
def test_messages_that_stall_give_way_when_they_are_more_bytes_than_may_be(start_server: Start, method: str) -> None:
    server = start_server(**SMALL)
    with senders(server, 6, method, begun(4 * MIB - 1, 3 * MIB)) as stalled:
        wait_until(lambda: sum(each.ended.is_set() for each in stalled) >= 4)
        assert server.stub.Execute(REQUEST, timeout=5).nums == 1
        assert sum(each.ended.is_set() for each in stalled) == 4


def test_messages_that_wait_hold_nothing_that_others_need(start_server: Start) -> None:
    server = start_server(**SMALL)
    with senders(server, 20, STREAM, b"") as silent:
        for _ in range(70):  # of which the bytes on the connection are not counted for the others
            assert server.stub.Execute(REQUEST, timeout=5).nums == 1
        assert not any(each.ended.is_set() for each in silent)


@pytest.mark.parametrize("method", [EXECUTE, STREAM])
def test_an_answer_that_nobody_reads_is_given_up(start_server: Start, method: str) -> None:
    server = start_server(request_timeout_s=0.3)
    data = whole(REQUEST.SerializeToString())
    with Sender(server.address, method, data, window=0) as sender:
        assert sender.ended.wait(10)
    wait_until(lambda: server.server._calls.in_flight.in_hand == 0)


def test_a_watcher_of_health_that_reads_nothing_holds_up_neither_health_nor_the_end(start_server: Start) -> None:
    server = start_server(lame_duck_s=1.0)  # the time in which watchers are told
    health = health_pb2_grpc.HealthStub(server.channel)
    with senders(server, 3, "/grpc.health.v1.Health/Watch", whole(b""), window=0):
        watched = health.Watch(health_pb2.HealthCheckRequest(), timeout=10)
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        stopper = threading.Thread(target=server.server.stop)
        stopper.start()
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        stopper.join(10)
        assert not stopper.is_alive()


def test_what_is_held_is_let_go_with_the_end_of_a_call(start_server: Start) -> None:
    server = start_server()
    assert server.stub.Execute(REQUEST, timeout=5).nums == 1
    assert len(list(server.stub.ExecuteStream(iter([REQUEST] * 20), timeout=5))) == 20
    with pytest.raises(grpc.RpcError):
        server.stub.Execute(rpc_pb2.ExecuteRequest(images=[b"none"]), timeout=5)
    server.stub.Execute.future(REQUEST).cancel()
    wait_until(lambda: server.server._calls.in_flight.in_hand == 0)


def test_what_a_call_has_in_hand_keeps_further_messages_with_their_senders(start_server: Start) -> None:
    # Three fit into it whole, so that none is ended while it arrives slowly.
    server = start_server(**SMALL | {"max_bytes_in_flight": 9 * MIB})
    server.operator.gate.clear()
    large = rpc_pb2.ExecuteRequest(images=[make_image(size=(700, 700), kind="BMP")] * 2)
    held, in_flight = [], server.server._calls.in_flight
    for count in range(1, 4):
        held.append(server.stub.Execute.future(large, timeout=20))
        wait_until(lambda: in_flight.in_hand >= count * large.ByteSize())  # noqa: B023
    held.append(server.stub.Execute.future(large, timeout=20))
    wait_until(lambda: in_flight.waiting == 1)
    server.operator.gate.set()
    assert [each.result(20).nums for each in held] == [2] * 4


def test_connections_that_are_over_are_forgotten() -> None:
    arrivals = Arrivals(lambda: 1, MIB)  # a port without connections
    for number in range(3000):
        call = IncomingCall(Mock(peer=lambda number=number: f"ipv4:127.0.0.1:{number}"))
        arrivals.begin(call)
        arrivals.end(call, 1)
    assert len(arrivals._connections) < 1100


def test_a_peer_leaves_room_to_others_and_a_wait_for_room_ends() -> None:
    in_flight = BytesInFlight(1000)
    in_flight.add("one", 880)
    in_flight.wait_for_room("other", 0, lambda: False)
    with pytest.raises(Overloaded, match=r"880 bytes .* the limit is 1,000 \(OP_MAX_BYTES_IN_FLIGHT\)"):
        in_flight.wait_for_room("one", 0.01, lambda: False)
    in_flight.wait_for_room("one", 10, lambda: True)
    in_flight.arriving({"two": 200})
    with pytest.raises(Overloaded):
        in_flight.wait_for_room("other", 0, lambda: False)


def test_a_peer_keeps_the_part_that_is_left_to_it_while_others_hold_too_much() -> None:
    in_flight = BytesInFlight(800)
    in_flight.add("few", 100)
    assert not in_flight.may_hold("few")  # nobody has more
    in_flight.arriving({"many": 900})
    assert in_flight.may_hold("few")
    assert not in_flight.may_hold("many")
    in_flight.add("few", 1)
    assert not in_flight.may_hold("few")


def test_the_limit_follows_from_the_memory() -> None:
    assert most_bytes_in_flight(Settings(max_bytes_in_flight=200 * MIB), memory=MIB) == 200 * MIB
    assert most_bytes_in_flight(Settings(), memory=64 * 1024 * MIB) == 512 * MIB
    assert most_bytes_in_flight(Settings(), memory=2048 * MIB) == 256 * MIB
    assert most_bytes_in_flight(Settings(), memory=512 * MIB) == Settings().max_message_bytes
    assert most_large_bytes(Settings(), memory=64 * 1024 * MIB) == Settings().max_large_bytes
    assert most_large_bytes(Settings(), memory=1024 * MIB) == 512 * MIB
