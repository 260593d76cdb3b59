"""Servers with real workers, for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import grpc

from tests.serving.workers.telling import worker_of
from visop.rpc import rpc_pb2, rpc_pb2_grpc
from visop.serving.server import MakeCompanion, Server
from visop.serving.workers.plan import WorkerShare
from visop.serving.workers.restarts import Restarts
from visop.serving.workers.served import operator_of
from visop.serving.workers.worker_pipeline import WorkerPipeline
from visop.serving.workers.workers import Workers
from visop.settings import Settings

SHARES = [WorkerShare(number, 1) for number in range(2)]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something holds that no event tells of: processes start slowly on a busy machine."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@dataclass
class Fleet:
    """A server with workers."""

    workers: Workers
    pipeline: WorkerPipeline
    server: Server
    stub: rpc_pb2_grpc.OperatorStub

    def served_by(self, *images: bytes, **options: Any) -> set[int]:
        """The processes that served one call."""
        reply = self.stub.Execute(rpc_pb2.ExecuteRequest(images=images), timeout=30, **options)
        return {worker_of(vector.element) for vector in reply.vectors}

    @property
    def begun(self) -> int:
        """How many calls workers have begun with."""
        return sum(each.begun.has(call) for each in self.workers.dispatch.workers for call in list(each.calls))

    @property
    def processes(self) -> list[int]:
        """Of the workers that take calls."""
        return [each.pid for each in self.workers.dispatch.workers if each.trouble() is None]


def settings_of(**changes: Any) -> Settings:
    """For workers of ``Telling``."""
    operator = "tests.serving.workers.telling:Telling"
    return Settings(**{"endpoint": "127.0.0.1:0", "operator": operator, "workers": "2", "log_level": "error"} | changes)


@contextmanager
def serving(
    companions: Sequence[MakeCompanion] = (), restarts: Restarts | None = None, **changes: Any
) -> Iterator[Fleet]:
    """A server with two workers that take calls."""
    settings = replace(settings_of(**changes), fetch_allow=("127.0.0.1",))
    with Workers(SHARES, settings, restarts=restarts) as workers:
        wait_until(lambda: workers.dispatch.ready == 2)
        pipeline = WorkerPipeline(workers, settings)
        with (
            Server(operator_of(workers.served), pipeline, settings, companions) as server,
            grpc.insecure_channel(server.address, [("grpc.max_receive_message_length", -1)]) as channel,
        ):
            yield Fleet(workers, pipeline, server, rpc_pb2_grpc.OperatorStub(channel))
