"""The provider of OpenTelemetry, as the variables say: sampler, limits, resource, and where spans go."""

from __future__ import annotations

import os
import threading
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from visop import __version__, address
from visop.errors import UsageError
from visop.tracing.exporter import QuietExporter
from visop.tracing.recorded import OtelTracer
from visop.tracing.wanted import endpoint_of, protocol_of, shown_endpoint, unknown_exporter

# See ``visop.client.channel``.
_NO_PROXY = (("grpc.enable_http_proxy", 0),)


class Provider:
    """A provider, and the tracer that it gives us.

    Args:
        provider: of OpenTelemetry.
        is_ours: whether it ends with us.
    """

    def __init__(self, provider: TracerProvider, *, is_ours: bool) -> None:
        self._provider, self._is_ours = provider, is_ours
        self.tracer = OtelTracer(provider.get_tracer("visop", __version__))

    def close(self, timeout_s: float) -> None:
        """Send what is left, and wait so long for it."""
        # The provider itself waits for a collector that does not answer, for longer than a process has to end.
        close = self._provider.shutdown if self._is_ours else self._provider.force_flush
        closing = threading.Thread(target=close, name="visop-traces", daemon=True)
        closing.start()
        closing.join(timeout_s)


def open_provider(service: str, *, is_global: bool) -> Provider:
    """Make a provider, or take the one that somebody else has set up, such as ``opentelemetry-instrument``.

    Args:
        service: the name of the process, unless the variables have one.
        is_global: whether code of others in this process uses the same.

    Raises:
        UsageError: a variable has a value that cannot be used.
    """
    if is_global and isinstance(there := trace.get_tracer_provider(), TracerProvider):
        return Provider(there, is_ours=False)
    provider = TracerProvider(resource=Resource.create(_attributes(service)), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(QuietExporter(_exporter(), shown_endpoint(os.environ))))
    if is_global:
        trace.set_tracer_provider(provider)
    return Provider(provider, is_ours=True)


def _attributes(service: str) -> dict[str, Any]:
    named = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return {"service.version": __version__} | ({} if named else {"service.name": service})


def _exporter() -> SpanExporter:
    if unknown := unknown_exporter(os.environ):
        raise UsageError("OTEL_TRACES_EXPORTER", unknown, "is not known here; otlp is")
    protocol = protocol_of(os.environ)
    if protocol == "http/protobuf":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

        return HttpExporter()
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

        return GrpcExporter(**_direct())
    raise UsageError("OTEL_EXPORTER_OTLP_PROTOCOL", protocol, "must be grpc or http/protobuf")


def _direct() -> dict[str, Any]:
    """Ask no proxy for a collector of this machine."""
    place = endpoint_of(os.environ).rpartition("://")[2].partition("/")[0] or "localhost"
    return {"channel_options": _NO_PROXY} if address.leads_here(place) else {}
