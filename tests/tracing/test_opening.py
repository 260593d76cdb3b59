"""Tracing of a process: on, off, and where the collector is away."""

from __future__ import annotations

import logging
import subprocess
import sys
import time

import pytest

from tests.conftest import make_image, running
from visop.rpc import rpc_pb2
from visop.tracing.active import tracer
from visop.tracing.opening import open_tracing

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def test_where_nothing_is_asked_for_nothing_is_imported() -> None:
    code = (
        "import sys, visop.client, visop.serving.lifecycle\n"
        "from visop.tracing.opening import open_tracing\n"
        "with open_tracing('x'): pass\n"
        "print(*(name for name in sys.modules if name.startswith('opentelemetry')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_tracing_ends_with_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    with open_tracing("visop", flush_s=0.1):
        assert tracer() is not None
    assert tracer() is None


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_collector_that_is_away_delays_nothing_and_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, protocol: str
) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    for name, value in (("SCHEDULE_DELAY", "5"), ("MAX_QUEUE_SIZE", "8"), ("MAX_EXPORT_BATCH_SIZE", "4")):
        monkeypatch.setenv(f"OTEL_BSP_{name}", value)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    with caplog.at_level(logging.INFO), running() as server:
        with open_tracing("visop", flush_s=0.5):
            for _ in range(20):
                server.stub.Execute(rpc_pb2.ExecuteRequest(images=[make_image()]), timeout=5)
            ends = time.monotonic() + 10
            while not told(caplog) and time.monotonic() < ends:
                time.sleep(0.01)
            began = time.monotonic()
        assert time.monotonic() - began < 2
    assert told(caplog) == ["the collector of traces http://127.0.0.1:1 takes none; they are dropped until it does"]


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    loud = ("opentelemetry", "visop.tracing")
    lines = [each for each in caplog.records if each.name.startswith(loud) and each.levelno >= logging.WARNING]
    return [each.getMessage() for each in lines]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "must be grpc or http/protobuf"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "is not known here"),
    ],
)
def test_what_cannot_be_done_is_told_and_keeps_nothing_from_being_served(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str, why: str
) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:4317")
    monkeypatch.setenv(name, value)
    with open_tracing("visop"):
        assert tracer() is None
    assert why in caplog.text


def test_without_the_packages_it_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:4317")
    monkeypatch.setitem(sys.modules, "visop.tracing.provider", None)
    with open_tracing("visop"):
        pass
    assert "pip install 'visop[tracing]'" in caplog.text
