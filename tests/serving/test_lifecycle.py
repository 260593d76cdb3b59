from __future__ import annotations

import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.conftest import Running, make_image, wait_until
from tests.toys import ToyOperator
from visop.rpc import rpc_pb2, rpc_pb2_grpc

ROOT = Path(__file__).parents[2]


class Process:
    """server.py as a process of its own."""

    def __init__(self, **variables: str) -> None:
        environment = os.environ | {
            "OP_OPERATOR": "tests.toys:ToyOperator",
            "OP_ENDPOINT": "127.0.0.1:0",
            **variables,
        }
        self.process = subprocess.Popen(
            [sys.executable, "server.py"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[str] = []

    def wait_for(self, pattern: str) -> re.Match[str]:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"{pattern!r} not logged: {''.join(self.lines)}")

    def finish(self) -> int:
        """The exit status; what is left of the log goes to ``lines``."""
        assert self.process.stderr is not None
        self.lines += self.process.stderr.readlines()
        self.process.stderr.close()
        return self.process.wait(20)


@contextmanager
def serving(**variables: str) -> Iterator[tuple[Process, grpc.Channel]]:
    process = Process(**variables)
    try:
        address = process.wait_for(r"listening=(\S+)")[1]
        with grpc.insecure_channel(address) as channel:
            yield process, channel
    finally:
        process.process.kill()
        process.process.wait()
        assert process.process.stderr is not None
        process.process.stderr.close()


def test_a_server_starts_answers_and_stops_with_status_0_on_sigterm() -> None:
    with serving() as (process, channel):
        stub = rpc_pb2_grpc.OperatorStub(channel)
        assert stub.Execute(rpc_pb2.ExecuteRequest(images=[make_image()])).nums == 1
        process.process.send_signal(signal.SIGTERM)
        assert process.finish() == 0
    log = "".join(process.lines)
    assert re.search(r"call id=\w+ rpc=Execute code=OK .*items=1 failed=0 batch=1 ms=[\d.]+ decode_ms=", log)
    assert re.search(r"limits memory=\d+ bytes_in_flight=\d+ large_bytes=\d+", log)
    assert "draining" in log


def test_sigterm_under_load_answers_every_accepted_call() -> None:
    with serving(OP_MAX_BATCH="2") as (process, channel):
        stub = rpc_pb2_grpc.OperatorStub(channel)
        request = rpc_pb2.ExecuteRequest(images=[make_image(size=(400, 400))] * 8)
        outcomes: list[str] = []

        def load() -> None:
            while True:
                try:
                    assert stub.Execute(request, timeout=20).nums == 8
                    outcomes.append("OK")
                except grpc.RpcError as err:
                    outcomes.append(err.code().name)
                    return

        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        process.wait_for("code=OK")
        process.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(30)
        assert process.finish() == 0
    assert outcomes.count("OK") > 0
    assert outcomes.count("UNAVAILABLE") == 8
    assert set(outcomes) == {"OK", "UNAVAILABLE"}


def test_a_second_signal_exits_at_once() -> None:
    with serving(OP_OPERATOR="tests.serving.stuck:StuckOperator") as (process, channel):
        call = rpc_pb2_grpc.OperatorStub(channel).Execute.future(rpc_pb2.ExecuteRequest(images=[make_image()]))
        process.wait_for("stuck")
        process.process.send_signal(signal.SIGTERM)
        process.wait_for("draining")
        assert not call.done()
        process.process.send_signal(signal.SIGINT)
        assert process.process.wait(5) == 128 + signal.SIGINT


@pytest.mark.parametrize("operator", ["StuckOperator", "StuckPreparation"])
def test_an_operator_that_hangs_does_not_keep_the_process_from_stopping(operator: str) -> None:
    variables = {"OP_OPERATOR": f"tests.serving.stuck:{operator}", "OP_DRAIN_TIMEOUT_S": "0.1"}
    with serving(**variables) as (process, channel):
        call = rpc_pb2_grpc.OperatorStub(channel).Execute.future(rpc_pb2.ExecuteRequest(images=[make_image()]))
        process.wait_for("stuck")
        process.process.send_signal(signal.SIGTERM)
        with pytest.raises(grpc.RpcError):
            call.result(20)
        assert process.finish() == 0


def test_a_preparation_that_wants_to_exit_is_an_error_of_its_picture_each_time() -> None:
    variables = {"OP_OPERATOR": "tests.serving.stuck:LeavingPreparation", "OP_DECODE_WORKERS": "1"}
    with serving(**variables) as (_, channel):
        stub = rpc_pb2_grpc.OperatorStub(channel)
        for _ in range(3):
            with pytest.raises(grpc.RpcError) as caught:
                stub.Execute(rpc_pb2.ExecuteRequest(images=[make_image((255, 0, 0))]), timeout=10)
            assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert stub.Execute(rpc_pb2.ExecuteRequest(images=[make_image()]), timeout=10).nums == 1


def test_a_preparation_that_hangs_makes_the_operator_unhealthy() -> None:
    variables = {"OP_OPERATOR": "tests.serving.stuck:StuckPreparation", "OP_REQUEST_TIMEOUT_S": "0.1"}
    with serving(**variables, OP_DRAIN_TIMEOUT_S="0.1") as (_, channel):
        stub = rpc_pb2_grpc.OperatorStub(channel)
        with pytest.raises(grpc.RpcError):
            stub.Execute(rpc_pb2.ExecuteRequest(images=[make_image()]))
        deadline = time.monotonic() + 20
        while (healthy := stub.Healthy(rpc_pb2.HealthyRequest()).healthy) == "healthy" and time.monotonic() < deadline:
            time.sleep(0.05)
        assert healthy == "unhealthy: preprocess has not returned for 0.1 s"


@pytest.mark.parametrize(
    ("variables", "status", "complaint"),
    [
        ({"OP_MAX_BATCH": "many"}, 2, "OP_MAX_BATCH=many: must be a whole number"),
        ({"OP_OPERATOR": "nowhere:Nothing"}, 2, "OP_OPERATOR=nowhere:Nothing: there is no such module:Class"),
        ({"OP_OPERATOR": "tests.serving.stuck:BrokenOperator"}, 1, "the operator did not start: infer answered NaN"),
    ],
    ids=["setting", "class", "warm-up"],
)
def test_what_cannot_start_says_why_in_one_line(variables: dict[str, str], status: int, complaint: str) -> None:
    process = Process(**variables)
    assert process.finish() == status
    assert complaint in process.lines[-1]


def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = Process(OP_ENDPOINT=f"127.0.0.1:{port}")
        assert process.finish() == 2
        assert f"cannot listen on 127.0.0.1:{port}: in use, or not allowed" in process.lines[-1]
        assert not [line for line in process.lines if line.startswith("E")]


def test_a_server_listens_on_one_port_and_advertises_another() -> None:
    variables = {"OP_BIND": "127.0.0.1:0", "OP_ENDPOINT": "operator.example:443"}
    with serving(**variables) as (process, channel):
        identity = rpc_pb2_grpc.OperatorStub(channel).Identity(rpc_pb2.IdentityRequest(), timeout=20)
        assert identity.endpoint == "operator.example:443"
    assert "advertised=operator.example:443" in process.lines[-1]


def test_an_address_that_nobody_can_call_is_not_advertised() -> None:
    with serving(OP_ENDPOINT="0.0.0.0:0") as (process, channel):
        identity = rpc_pb2_grpc.OperatorStub(channel).Identity(rpc_pb2.IdentityRequest(), timeout=20)
        assert re.search(f"listening={identity.endpoint} ", process.lines[-1])


def test_while_draining_health_says_so_and_an_open_stream_is_told_to_come_again(
    start_server: Callable[..., Running],
) -> None:
    operator = ToyOperator()
    running = start_server(operator)
    health = health_pb2_grpc.HealthStub(running.channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
    assert next(health).status == health_pb2.HealthCheckResponse.SERVING
    requests: queue.SimpleQueue[rpc_pb2.ExecuteRequest | None] = queue.SimpleQueue()
    requests.put(rpc_pb2.ExecuteRequest(images=[make_image()]))
    operator.gate.clear()
    stream = running.stub.ExecuteStream(iter(requests.get, None))
    assert operator.entered.acquire(timeout=5)
    stopper = threading.Thread(target=running.server.stop)
    stopper.start()
    assert next(health).status == health_pb2.HealthCheckResponse.NOT_SERVING
    operator.gate.set()
    assert next(stream).nums == 1  # accepted before, so answered
    with pytest.raises(grpc.RpcError) as caught:
        next(stream)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert caught.value.details() == "the operator is shutting down; send the rest again"
    requests.put(None)
    stopper.join(10)
    assert not stopper.is_alive()


def test_somebody_who_watches_health_does_not_use_up_the_drain_time(start_server: Callable[..., Running]) -> None:
    running = start_server(drain_timeout_s=30)
    health = health_pb2_grpc.HealthStub(running.channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
    assert next(health).status == health_pb2.HealthCheckResponse.SERVING
    stopper = threading.Thread(target=running.server.stop)
    stopper.start()
    stopper.join(10)
    assert not stopper.is_alive()


def test_a_stream_that_waits_for_room_does_not_lengthen_the_drain(start_server: Callable[..., Running]) -> None:
    operator = ToyOperator()
    operator.gate.clear()
    running = start_server(operator, max_queue=1, max_items=1, drain_timeout_s=0.5)
    stream = running.stub.ExecuteStream(rpc_pb2.ExecuteRequest(images=[make_image()]) for _ in range(2))
    assert operator.entered.acquire(timeout=10)
    stopping = threading.Thread(target=running.server.stop)
    stopping.start()
    stopping.join(10)  # request_timeout_s is longer, and so long the second request may wait
    assert not stopping.is_alive()
    stream.cancel()


def test_health_says_that_it_leaves_before_calls_are_refused() -> None:
    with serving(OP_LAME_DUCK_S="1.5") as (process, channel):
        stub, health = rpc_pb2_grpc.OperatorStub(channel), health_pb2_grpc.HealthStub(channel)
        process.process.send_signal(signal.SIGTERM)
        process.wait_for("draining")
        not_serving = health_pb2.HealthCheckResponse.NOT_SERVING
        wait_until(lambda: health.Check(health_pb2.HealthCheckRequest()).status == not_serving)
        assert stub.Execute(rpc_pb2.ExecuteRequest(images=[make_image()])).nums == 1
        assert process.finish() == 0


@pytest.mark.parametrize("operator", ["StuckOperator", "StuckPreparation"])
def test_a_model_that_hangs_ends_the_process_for_whatever_starts_it_again(operator: str) -> None:
    variables = {"OP_REQUEST_TIMEOUT_S": "1", "OP_HANG_EXIT_S": "0.2"}
    with serving(OP_OPERATOR=f"tests.serving.stuck:{operator}", **variables) as (process, channel):
        with pytest.raises(grpc.RpcError):
            rpc_pb2_grpc.OperatorStub(channel).Execute(rpc_pb2.ExecuteRequest(images=[make_image()]))
        assert process.finish() == 70
    assert "nothing but a new process ends that" in "".join(process.lines)
