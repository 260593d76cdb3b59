"""Swagger UI, to read the OpenAPI document: from an installed package and no CDN, so that it works offline."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>visop: HTTP API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true});\n'

# Swagger UI sets styles from its script.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'"
)


def docs_router() -> APIRouter:
    """``/docs`` and what it needs."""
    assets = files("fastapi_offline") / "static"
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    def page() -> Response:
        return Response(_PAGE, media_type="text/html", headers={"Content-Security-Policy": _POLICY})

    @router.get("/docs/start.js")
    def start() -> Response:
        return Response(_START, media_type="text/javascript")

    @router.get("/docs/swagger-ui-bundle.js")
    def script() -> Response:
        return Response((assets / "swagger-ui-bundle.js").read_bytes(), media_type="text/javascript")

    @router.get("/docs/swagger-ui.css")
    def style() -> Response:
        return Response((assets / "swagger-ui.css").read_bytes(), media_type="text/css")

    return router
