"""What clients of a server that stops see, over the wire."""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from unittest.mock import Mock

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.rolling_restart import SERVICE_CONFIG
from tests.conftest import Running, make_image
from tests.toys import ToyOperator
from visop.rpc import rpc_pb2, rpc_pb2_grpc
from visop.serving.connections import close_port

Start = Callable[..., Running]

REQUEST = rpc_pb2.ExecuteRequest(images=[make_image()])


@contextmanager
def balanced(*addresses: str) -> Iterator[rpc_pb2_grpc.OperatorStub]:
    options = [("grpc.service_config", json.dumps(SERVICE_CONFIG)), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel("ipv4:" + ",".join(addresses), options) as channel:
        yield rpc_pb2_grpc.OperatorStub(channel)


@contextmanager
def draining(running: Running, operator: ToyOperator) -> Iterator[threading.Thread]:
    """A server that is stopping and has a call in hand until the end of the block."""
    operator.gate.clear()
    held = running.stub.Execute.future(REQUEST)
    assert operator.entered.acquire(timeout=10)
    stopper = threading.Thread(target=running.server.stop)
    stopper.start()
    while not running.server._calls.draining:
        pass
    yield stopper
    operator.gate.set()
    assert held.result(10).nums == 1
    stopper.join(10)
    assert not stopper.is_alive()


def test_a_refusal_is_its_status_alone_so_that_clients_may_try_again(start_server: Start) -> None:
    operator = ToyOperator()
    running = start_server(operator)
    with draining(running, operator):
        [(kind, flags)] = frames_of_answer(running.server.port, REQUEST.SerializeToString())
    assert kind == HEADERS
    assert flags & END_STREAM


def test_a_client_that_tries_again_loses_nothing_while_one_of_two_drains(start_server: Start) -> None:
    operator = ToyOperator()
    one, two = start_server(operator), start_server()
    with balanced(one.address, two.address) as stub, ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            stub.Identity(rpc_pb2.IdentityRequest(), timeout=10)  # both are connected
        with draining(one, operator):
            calls = [pool.submit(stub.Execute, REQUEST, timeout=30) for _ in range(40)]
            while sum(call.done() for call in calls) < 20:
                pass
            operator.gate.set()
        assert [call.result(30).nums for call in calls] == [1] * 40


def test_a_call_that_was_refused_before_is_served_while_others_are_waited_for(start_server: Start) -> None:
    operator = ToyOperator()
    running = start_server(operator)
    with draining(running, operator), balanced(running.address) as stub, ThreadPoolExecutor() as pool:
        with pytest.raises(grpc.RpcError) as refused:
            running.stub.Execute(REQUEST, timeout=10)
        again = pool.submit(stub.Execute, REQUEST, timeout=10)
        while running.server._calls.accepted < 2:
            pass
        operator.gate.set()
        assert again.result(10).nums == 1
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "x-request-id" in [entry.key for entry in refused.value.trailing_metadata()]


def test_a_call_too_large_for_another_try_is_served_while_others_are_waited_for(start_server: Start) -> None:
    operator = ToyOperator()
    running = start_server(operator)
    with draining(running, operator), ThreadPoolExecutor() as pool:
        large = rpc_pb2.ExecuteRequest(images=[make_image(size=(400, 300), kind="BMP")])
        served = pool.submit(running.stub.Execute, large, timeout=10)
        while running.server._calls.accepted < 2:
            pass
        operator.gate.set()
        assert served.result(10).nums == 1


def test_a_stream_that_ends_soon_is_answered_to_its_end(start_server: Start) -> None:
    operator = ToyOperator()
    running = start_server(operator)
    with draining(running, operator), balanced(running.address) as stub:
        requests: SimpleQueue[rpc_pb2.ExecuteRequest | None] = SimpleQueue()
        replies = stub.ExecuteStream(iter(requests.get, None), timeout=20)  # refused at first, and then served
        while not running.server._servicer._windows:
            pass
        operator.gate.set()
        for _ in range(3):
            requests.put(REQUEST)
            assert next(replies).nums == 1
        requests.put(None)
        assert list(replies) == []


def test_a_long_answer_is_sent_to_its_end_before_the_port_closes(start_server: Start) -> None:
    running = start_server(max_items=2048, max_queue=2048)
    held = running.stub.Execute.future(rpc_pb2.ExecuteRequest(images=[make_image()] * 2048, partial=True))
    assert running.operator.entered.acquire(timeout=10)
    running.server.stop()
    assert held.result(10).nums == 2048


@pytest.mark.parametrize(
    "method", ["omnisearch.Operator/Execute", "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"]
)
def test_calls_of_one_connection_that_send_no_message_leave_threads_to_others(start_server: Start, method: str) -> None:
    server, over = start_server(), threading.Event()

    def nothing() -> Iterator[bytes]:
        over.wait()
        yield from ()

    alone = [("grpc.use_local_subchannel_pool", 1)]
    with (
        grpc.insecure_channel(server.address, alone) as hostile,
        grpc.insecure_channel(server.address, alone) as honest,
    ):
        opened: grpc.StreamStreamMultiCallable[bytes, bytes] = hostile.stream_stream(f"/{method}")
        calls = [opened(nothing()) for _ in range(144)]
        assert health_pb2_grpc.HealthStub(honest).Check(health_pb2.HealthCheckRequest(), timeout=5).status
        assert rpc_pb2_grpc.OperatorStub(honest).Execute(rpc_pb2.ExecuteRequest(images=[make_image()]), timeout=5).nums
        for each in calls:
            each.cancel()
        over.set()


def test_only_the_connections_of_the_port_are_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours, socket.create_server(("127.0.0.1", 0)) as other:
        clients = [socket.create_connection(server.getsockname(), 5) for server in (ours, other)]
        accepted = [server.accept()[0] for server in (ours, other)]
        accepted[0].sendall(b"the answer")
        close_port(ours.getsockname()[1])
        assert [clients[0].recv(100), clients[0].recv(100)] == [b"the answer", b""]
        accepted[1].sendall(b"more")
        assert clients[1].recv(100) == b"more"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(ours.getsockname(), 5)
        for each in clients + accepted:
            each.close()


def test_a_connection_without_an_address_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS raises for one that was reset."""
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port, files = ours.getsockname()[1], os.listdir("/dev/fd")
        monkeypatch.setattr(socket.socket, "getsockname", Mock(side_effect=OSError(errno.EINVAL, "Invalid argument")))
        close_port(port)
        assert os.listdir("/dev/fd") == files


# HTTP/2 (RFC 9113), as far as one call needs it.
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4


def frames_of_answer(port: int, message: bytes) -> list[tuple[int, int]]:
    """Type and flags of every frame that answers one Execute on its stream."""
    body = struct.pack(">BI", 0, len(message)) + message
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + _frame(SETTINGS, 0, 0, b"")
            + _frame(HEADERS, END_HEADERS, 1, _head())
            + _frame(DATA, END_STREAM, 1, body)
        )
        with connection.makefile("rb") as received:
            frames: list[tuple[int, int]] = []
            while not (frames and frames[-1][1] & END_STREAM):
                high, low, kind, flags, stream = struct.unpack(">BHBBI", received.read(9))
                received.read(high << 16 | low)
                frames += [(kind, flags)] if stream == 1 and kind in (DATA, HEADERS) else []
            return frames


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">BHBBI", len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream) + payload


def _head() -> bytes:
    """HPACK without any compression (RFC 7541, 6.2.2)."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/omnisearch.Operator/Execute",
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    return b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields.items()
    )
