"""Trace HTTP requests: a span for each, which its endpoint finds as the current one."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from visop.tracing.http_requests import begin_request, end_request


class TraceRequests:
    """ASGI middleware, the outermost, so that what others refuse is traced, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, within its span if anything is traced."""
        client = scope["client"][0] if scope.get("client") else ""
        headers = dict(Headers(scope=scope).items())
        span = begin_request(scope["method"], scope["path"], scope["scheme"], client, headers)
        if span is None:
            await self._app(scope, receive, send)
            return
        status: int | None = None

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            with span.entered():
                await self._app(scope, receive, send_noted)
        finally:
            end_request(span, getattr(scope.get("route"), "path", ""), scope["method"], status)
