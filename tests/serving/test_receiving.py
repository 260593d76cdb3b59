"""Calls that send no message leave the server to others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.conftest import Running, make_image
from visop.rpc import rpc_pb2, rpc_pb2_grpc

Start = Callable[..., Running]
REQUEST = rpc_pb2.ExecuteRequest(images=[make_image()])
EXECUTE = "/omnisearch.Operator/Execute"
STREAM = "/omnisearch.Operator/ExecuteStream"
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


@contextmanager
def silent_calls(server: Running, method: str, count: int) -> Iterator[Sequence[grpc.Call]]:
    """Calls on a connection of their own that send headers and nothing else."""
    over = threading.Event()

    def nothing() -> Iterator[bytes]:
        over.wait()
        yield from ()

    with grpc.insecure_channel(server.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        opened: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(method)
        calls = [opened(nothing()) for _ in range(count)]
        try:
            yield calls
        finally:
            for each in calls:
                each.cancel()
            over.set()


@pytest.mark.parametrize("method", [EXECUTE, STREAM, CHECK, WATCH, REFLECTION])
def test_calls_without_a_message_hold_up_neither_health_nor_work(start_server: Start, method: str) -> None:
    server = start_server()
    health = health_pb2_grpc.HealthStub(server.channel)
    with silent_calls(server, method, 90), silent_calls(server, method, 90), silent_calls(server, method, 90):
        for _ in range(5):
            assert health.Check(health_pb2.HealthCheckRequest(), timeout=5).status
            if method != STREAM:  # those have the places of calls, of which one address may have seven eighths
                assert server.stub.Execute(REQUEST, timeout=5).nums == 1


@pytest.mark.parametrize("method", [EXECUTE, CHECK, REFLECTION])
def test_a_call_without_a_message_ends_when_its_time_is_up(start_server: Start, method: str) -> None:
    with silent_calls(start_server(request_timeout_s=0.2), method, 1) as [call]:
        assert call.code() is grpc.StatusCode.UNAVAILABLE  # which clients try again; they do not so with CANCELLED
        assert "0.2 s" in call.details()


def test_a_call_that_gives_way_ends_with_a_status_that_clients_try_again(start_server: Start) -> None:
    server = start_server()
    health = health_pb2_grpc.HealthStub(server.channel)
    with silent_calls(server, CHECK, 64) as calls, silent_calls(server, CHECK, 10):
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=5).status
        ended = [call for call in calls if not call.is_active()]
    assert {call.code() for call in ended} == {grpc.StatusCode.UNAVAILABLE}


def test_a_call_that_ends_without_a_message_is_a_mistake_of_the_caller(running_server: Running) -> None:
    channel: grpc.Channel = running_server.channel
    opened: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(EXECUTE)
    assert opened(iter(())).code() is grpc.StatusCode.INVALID_ARGUMENT


def test_watching_health_goes_on(running_server: Running) -> None:
    health = health_pb2_grpc.HealthStub(running_server.channel)
    watched = [health.Watch(health_pb2.HealthCheckRequest(), timeout=10) for _ in range(40)]
    assert {next(each).status for each in watched} == {health_pb2.HealthCheckResponse.SERVING}
    assert rpc_pb2_grpc.OperatorStub(running_server.channel).Identity(rpc_pb2.IdentityRequest(), timeout=5).name
