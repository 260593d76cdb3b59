"""The OpenAPI document, and Swagger UI to read it, from an installed package: no CDN, it works offline."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.openapi.utils import get_openapi

from visop.http.problems import Problem

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


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of all routes, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        whole = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= whole.pop("$defs") | {Problem.__name__: whole}
        app.openapi_schema = made
    return app.openapi_schema
