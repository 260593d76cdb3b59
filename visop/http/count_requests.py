"""Count HTTP requests, by the names that gRPC calls are counted by."""

from __future__ import annotations

import time
from functools import cache

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visop.metrics.registry import REGISTRY, SECONDS, exemplar
from visop.tracing.current import current

# As callers may make up methods and paths, others than these, and paths without a route, are one series.
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_OTHER = "other"
# What nginx says in its log of a client that left before its answer was begun.
_GONE = "499"

_LABELS = ["http_method", "http_route"]
HANDLED = Counter("http_server_handled_total", "Requests that ended.", [*_LABELS, "http_code"], registry=REGISTRY)
SPENT = Histogram(
    "http_server_handling_seconds",
    "From a request's header to the end of its answer.",
    _LABELS,
    buckets=SECONDS,
    registry=REGISTRY,
)


class CountRequests:
    """ASGI middleware, the outermost, so that what others refuse is counted, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, and count it."""
        began, code = time.perf_counter(), _GONE

        async def send_noted(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else _OTHER
            route = getattr(scope.get("route"), "path", _OTHER)
            _handled(method, route, code).inc()
            _spent(method, route).observe(time.perf_counter() - began, exemplar(current()))


@cache
def _handled(method: str, route: str, code: str) -> Counter:
    return HANDLED.labels(method, route, code)


@cache
def _spent(method: str, route: str) -> Histogram:
    return SPENT.labels(method, route)
