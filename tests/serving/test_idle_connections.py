from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from unittest.mock import Mock

import grpc
import pytest

from benchmarks.rolling_restart import SERVICE_CONFIG
from tests.conftest import Running, make_image
from tests.toys import ToyOperator
from visop.rpc import rpc_pb2, rpc_pb2_grpc
from visop.serving.connections import connections_at
from visop.serving.idle_connections import IdleConnections

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it does not say which files are open")

Start = Callable[..., Running]
REQUEST = rpc_pb2.ExecuteRequest(images=[make_image()])


@pytest.fixture
def few_files() -> Iterator[int]:
    """A limit on open files a little above what is open."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = 2 * (len(os.listdir("/dev/fd")) + 60)
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    yield few
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))


def is_ended(connection: socket.socket, within_s: float = 10) -> bool:
    """Whether the server ends it in so many seconds; reads over what it sends before."""
    connection.settimeout(within_s)
    try:
        while connection.recv(4096):
            pass
        return True
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_connections_that_say_nothing_end_before_all_files_are_taken(start_server: Start, few_files: int) -> None:
    running = start_server(ToyOperator())
    # A call that begins while its connection ends is UNAVAILABLE, which the usual policy tries again.
    retrying = [("grpc.service_config", json.dumps(SERVICE_CONFIG)), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(running.address, retrying) as channel, ExitStack() as stack:
        stub = rpc_pb2_grpc.OperatorStub(channel)
        assert stub.Execute(REQUEST, timeout=10).nums == 1
        idle = [stack.enter_context(connect(running.server.port)) for _ in range(50)]
        assert all(map(is_ended, idle))
        assert stub.Execute(REQUEST, timeout=10).nums == 1


def test_only_the_peer_with_the_most_loses_connections_and_none_with_a_call(start_server: Start) -> None:
    running = start_server(ToyOperator())
    port = running.server.port
    limits = IdleConnections(lambda: port, limit=2)
    with connect(port, "127.0.0.2") as other, connect(port) as one, connect(port) as two, connect(port) as calling:
        for each in (other, one, two, calling):
            each.settimeout(10)
            assert each.recv(4096)
        name = f"ipv4:127.0.0.1:{calling.getsockname()[1]}"
        assert name in connections_at(port)
        limits.begin(Mock(connection=name))
        limits.check()
        assert is_ended(one)
        assert is_ended(two)
        assert not is_ended(other, 0.2)
        assert not is_ended(calling, 0.2)
        limits.end(Mock(connection=name))
        with connect(port) as three:
            assert three.recv(4096)
            limits.check()
            assert is_ended(calling)
