"""A collector of OTLP over gRPC and HTTP on this machine, which keeps what it gets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

from tests.in_thread import serving_in_thread

KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}


@dataclass(frozen=True)
class Got:
    """A span that arrived.

    Attributes:
        error: the text of its status, if that is an error.
        links: (trace, span) each.
    """

    trace: str
    id: str
    parent: str
    name: str
    kind: str
    attributes: dict[str, Any]
    error: str | None
    links: list[tuple[str, str]]
    start: int
    end: int
    service: str


@dataclass
class Collector:
    """What arrived.

    Attributes:
        metadata: of the requests over gRPC.
        raw: the bytes of all requests.
    """

    spans: list[Got] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, request: trace_service_pb2.ExportTraceServiceRequest) -> None:
        with self.lock:
            self.raw.append(request.SerializeToString())
            for resource in request.resource_spans:
                service = _values(resource.resource.attributes).get("service.name", "")
                self.spans += [_got(span, service) for scope in resource.scope_spans for span in scope.spans]

    def named(self, name: str) -> list[Got]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> Got:
        [found] = self.named(name)
        return found

    def children(self, parent: Got) -> list[Got]:
        """By the time at which they began."""
        return sorted((each for each in self.spans if each.parent == parent.id), key=lambda each: each.start)

    def one_child(self, parent: Got) -> Got:
        [found] = self.children(parent)
        return found

    def tree(self, root: Got) -> dict[str, Any]:
        """The names of all that is below a span. Of several with one name, one."""
        return {each.name: self.tree(each) for each in self.children(root)}


def _got(span: Sent, service: str) -> Got:
    return Got(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        KINDS[span.kind],
        _values(span.attributes),
        span.status.message if span.status.code == 2 else None,
        [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        service,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def collecting_by_grpc(collector: Collector) -> Iterator[str]:
    """Take spans over gRPC; yields HOST:PORT."""

    class Servicer(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request, context):
            collector.metadata.append(dict(context.invocation_metadata()))
            collector.take(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


@contextmanager
def collecting_by_http(collector: Collector) -> Iterator[str]:
    """Take spans over HTTP; yields HOST:PORT."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found = self.path == "/v1/traces"
            if found:
                collector.take(trace_service_pb2.ExportTraceServiceRequest.FromString(body))
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with serving_in_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"127.0.0.1:{server.server_port}"
