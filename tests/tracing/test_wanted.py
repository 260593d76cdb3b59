"""What the variables of OpenTelemetry ask for."""

from __future__ import annotations

import pytest

from visop.tracing.wanted import protocol_of, shown_endpoint, wants_traces

PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
ENDPOINT, OF_TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "shop"}, False),
        ({ENDPOINT: "http://collector:4317"}, True),
        ({OF_TRACES: "http://collector:4317"}, True),
        ({ENDPOINT: " "}, False),
        ({ENDPOINT: "http://collector:4317", "OTEL_SDK_DISABLED": "True"}, False),
        ({ENDPOINT: "http://collector:4317", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
    ],
    ids=str,
)
def test_traces_are_made_where_a_collector_is_named(variables: dict[str, str], wanted: bool) -> None:
    assert wants_traces(variables) is wanted


@pytest.mark.parametrize(
    ("variables", "protocol"),
    [
        ({}, "grpc"),
        ({ENDPOINT: "http://collector:4317"}, "grpc"),
        ({ENDPOINT: "http://collector:4318"}, "http/protobuf"),
        ({ENDPOINT: "collector:4318"}, "http/protobuf"),
        ({ENDPOINT: "http://collector:4318", PROTOCOL: "grpc"}, "grpc"),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"},
            "http/protobuf",
        ),
    ],
    ids=str,
)
def test_the_protocol_is_the_one_that_is_named_or_that_of_the_port(variables: dict[str, str], protocol: str) -> None:
    assert protocol_of(variables) == protocol


@pytest.mark.parametrize(
    ("endpoint", "shown"),
    [
        ("https://user:hush@collector:4317/v1?key=hush", "https://collector:4317/v1"),
        ("collector:4317", "collector:4317"),
        ("", "http://localhost:4317"),
    ],
)
def test_a_collector_is_shown_without_its_secrets(endpoint: str, shown: str) -> None:
    assert shown_endpoint({ENDPOINT: endpoint}) == shown
