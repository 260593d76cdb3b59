"""HEAD wherever there is GET, as RFC 9110 (9.1) wants it: uvicorn leaves out the body, nobody else knows."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadAsGet:
    """ASGI middleware, so that neither the routes nor their document need to name each path twice."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # a copy: uvicorn looks into its own
        await self._app(scope, receive, send)
