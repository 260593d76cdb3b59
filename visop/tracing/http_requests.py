"""Begin and end the span of an HTTP request, by the semantic conventions.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/
"""

from __future__ import annotations

from collections.abc import Mapping

from visop.tracing.active import tracer
from visop.tracing.spans import Span

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_POLLED = ("/health", "/healthz", "/metrics", "/readyz")


def begin_request(method: str, path: str, scheme: str, client: str, headers: Mapping[str, str]) -> Span | None:
    """Begin the span of a request; None where nothing is traced.

    The query is left out: it may hold what nobody else is to know.

    Args:
        method: GET and so on.
        path: without the query.
        scheme: http or https.
        client: the address that it came from; empty if that is not known.
        headers: by names in lower case.
    """
    opened = tracer()
    if opened is None or (path in _POLLED and "traceparent" not in headers):
        return None
    known = method if method in _METHODS else "_OTHER"
    attributes = {"http.request.method": known, "url.path": path, "url.scheme": scheme}
    attributes |= {"client.address": client} if client else {}
    return opened.begin(known if known != "_OTHER" else "HTTP", "server", attributes, headers=headers)


def end_request(span: Span, route: str, method: str, status: int | None) -> None:
    """End the span of a request.

    Args:
        span: of the request.
        route: such as ``/analyses/{id}``; empty if there is none for its path.
        method: of the request.
        status: of the answer; None if there was none, because its client left.
    """
    if route:
        span.rename(f"{method} {route}")
        span.note({"http.route": route})
    if status is not None:
        span.note({"http.response.status_code": status})
    span.end(str(status) if status is not None and status >= 500 else "")
