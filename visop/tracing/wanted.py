"""What the standard variables of OpenTelemetry ask for.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

Protocol = Literal["grpc", "http/protobuf"]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
# Registered with IANA for OTLP over gRPC and over HTTP.
_GRPC_PORT, _HTTP_PORT = 4317, 4318


def wants_traces(environment: Mapping[str, str]) -> bool:
    """Whether traces are asked for: a collector is named, or the exporter ``otlp``, and nothing turns them off."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if exporters:
        return exporters != "none"
    return any(environment.get(name, "").strip() for name in _ENDPOINTS)


def unknown_exporter(environment: Mapping[str, str]) -> str:
    """The exporter that is asked for, if it is another one than OTLP."""
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip()
    return exporter if exporter.lower() not in ("", "otlp", "none") else ""


def protocol_of(environment: Mapping[str, str]) -> str:
    """How to speak with the collector: as is said, or as its port is registered for, or gRPC."""
    said = next((environment[name].strip() for name in _PROTOCOLS if environment.get(name, "").strip()), "")
    return said or ("http/protobuf" if _port(endpoint_of(environment)) == _HTTP_PORT else "grpc")


def endpoint_of(environment: Mapping[str, str]) -> str:
    """Where the collector is, as it was said; empty if it was not."""
    return next((environment[name].strip() for name in _ENDPOINTS if environment.get(name, "").strip()), "")


def shown_endpoint(environment: Mapping[str, str]) -> str:
    """Where the collector is, for the log: without credentials and query."""
    port = _HTTP_PORT if protocol_of(environment) == "http/protobuf" else _GRPC_PORT
    scheme, separator, rest = endpoint_of(environment).rpartition("://")
    place = rest.partition("?")[0].rpartition("@")[2]
    return f"{scheme}{separator}{place}" if place else f"http://localhost:{port}"


def _port(endpoint: str) -> int | None:
    try:
        return urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").port
    except ValueError:
        return None
