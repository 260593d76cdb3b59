"""The application: routes inside the guards. Other rooms add theirs through ``Extend``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI

from visop import __version__
from visop.http.api.routes import api_router
from visop.http.body import BodyLimits
from visop.http.endpoint import Endpoint
from visop.http.head import HeadAsGet
from visop.http.middleware import Guard, hosts_of
from visop.http.openapi import docs_router, document
from visop.http.problems import add_handlers
from visop.settings import Settings

#: Adds routes to the application; the endpoint gives them the pipeline, with its limits and errors.
Extend = Callable[[FastAPI, Endpoint], None]

_ABOUT = """\
The same pipeline, limits and errors as over gRPC. Every error is a problem (RFC 9457) whose `code` and `detail` are
those of gRPC.
"""


def build_app(
    endpoint: Endpoint, identity: Mapping[str, Any], settings: Settings, extend: Extend | None = None
) -> FastAPI:
    """The ASGI application of one operator.

    Args:
        endpoint: serves the calls.
        identity: what ``/v1/identity`` answers.
        settings: limits and hosts.
        extend: adds what other rooms have.
    """
    app = FastAPI(
        title=f"visop operator {identity['name']}",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        # An answer that leads to another spelling of the path would be built from the caller's Host.
        redirect_slashes=False,
    )
    app.include_router(api_router(endpoint, identity, settings.max_items))
    app.include_router(docs_router())
    if extend:
        extend(app, endpoint)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # as FastAPI's guide does it
    add_handlers(app)
    _add_guards(app, endpoint, settings)
    return app


def _add_guards(app: FastAPI, endpoint: Endpoint, settings: Settings) -> None:
    """The last one added is the outermost."""
    app.add_middleware(HeadAsGet)
    app.add_middleware(
        BodyLimits,
        max_bytes=settings.max_message_bytes,
        max_time_s=settings.request_timeout_s,
        max_bodies=settings.max_calls,
    )
    hosts = hosts_of(settings.http_host, settings.http_hosts)
    app.add_middleware(Guard, hosts=hosts, closing=lambda: endpoint.closing)
