"""Tracing in this process, to a collector on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AbstractContextManager[object]]:
    """Trace in a block, to a collector that has all of it when the block is over."""
    pytest.importorskip("opentelemetry.sdk")
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")
    from tests.tracing.collector import Collector, collecting_by_grpc
    from visop.tracing.opening import open_tracing

    @contextmanager
    def trace(**variables: str) -> Iterator[Collector]:
        collector = Collector()
        with collecting_by_grpc(collector) as address:
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{address}")
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            with open_tracing("visop-test"):
                yield collector

    return trace
