"""Begin and end the span of a call over gRPC, by the semantic conventions.

https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote

from visop import address
from visop.tracing.active import tracer
from visop.tracing.current import current, error_name, part
from visop.tracing.spans import Attributes, Span

if TYPE_CHECKING:
    import grpc

#: What may be sent with a call.
Metadata = tuple[tuple[str, str], ...]

# Asked every few seconds by whoever watches an operator: traced only for somebody who traces the question.
_POLLED = (
    "/omnisearch.Operator/Healthy",
    "/omnisearch.Operator/Identity",
    "/grpc.health.v1.Health/",
    "/grpc.reflection.",
)
# The others are the error of the caller, which the span of a server does not call an error.
_ERRORS = frozenset({"DATA_LOSS", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNIMPLEMENTED", "UNKNOWN"})
_PARENTS = ("traceparent", "b3", "x-b3-traceid", "uber-trace-id", "x-amzn-trace-id")


def begin_call(method: str, context: grpc.ServicerContext) -> Span | None:
    """Begin the span of a call that came in; None where nothing is traced.

    Args:
        method: such as ``/package.Service/Method``.
        context: of its handler.
    """
    opened = tracer()
    if opened is None:
        return None
    headers = _texts(context.invocation_metadata())
    if method.startswith(_POLLED) and not any(name in headers for name in _PARENTS):
        return None
    attributes = {**_attributes(method), **_peer(context.peer())}
    return opened.begin(method[1:], "server", attributes, headers=headers)


def end_call(span: Span, code: str) -> None:
    """End the span of a call that came in, with the name of its status."""
    span.note({"rpc.response.status_code": code})
    span.end(code if code in _ERRORS else "")


@contextmanager
def calling(method: str, target: str, *, of: Span | None = None) -> Iterator[Metadata | None]:
    """Trace a call that is made in the block, of whatever span; gives what is to be sent with it.

    Args:
        method: as for ``begin_call``.
        target: HOST:PORT that is called.
        of: the span that it is made for; None is the current one.
    """
    if (of or current()) is None:
        yield None
        return
    with part(method[1:], "client", {**_attributes(method), **_server(target)}, of=of) as span:
        code = "OK"
        try:
            yield tuple(span.headers().items()) if span else None
        except BaseException as error:
            code = error_name(error)
            raise
        finally:
            if span:
                span.note({"rpc.response.status_code": code})


def _attributes(method: str) -> dict[str, str]:
    return {"rpc.system.name": "grpc", "rpc.method": method[1:]}


def _texts(metadata: Iterable[tuple[str, str | bytes]]) -> dict[str, str]:
    return {name: value for name, value in metadata if isinstance(value, str)}


def _peer(peer: str) -> Attributes:
    """``ipv4:10.0.0.7:50123`` -> its address and port."""
    kind, _, place = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return {}
    host, _, port = unquote(place).rpartition(":")
    return {"client.address": host.strip("[]"), "client.port": int(port) if port.isdigit() else 0}


def _server(target: str) -> Attributes:
    try:
        host, port = address.split(target.rpartition("/")[2])
    except ValueError:
        return {}
    return {"server.address": host} | ({"server.port": port} if port else {})
