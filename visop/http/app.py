"""The ASGI application: the routes of the interfaces, inside the middleware."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from visop import __version__
from visop.access.tokens import Tokens
from visop.http.api.analysis import analysis_router
from visop.http.api.execute import execute_router
from visop.http.api.function import function_router
from visop.http.api.health import health_router
from visop.http.api.identity import identity_router
from visop.http.api.metrics import metrics_router
from visop.http.api.tei import tei_router
from visop.http.authenticate import Authenticate
from visop.http.body_limits import BodyLimits, BodyRules
from visop.http.count_requests import CountRequests
from visop.http.docs_page import docs_router
from visop.http.endpoint import Endpoint, Extend
from visop.http.middleware import BrowserProtection, HeadAsGet, hosts_of
from visop.http.openapi import document
from visop.http.page_files import parts_page_router
from visop.http.problems import add_handlers
from visop.http.timeouts import DEFAULT_TIMEOUTS, Timeouts
from visop.http.trace_requests import TraceRequests
from visop.settings import Settings
from visop.tracing.active import tracer

_ABOUT = """\
The same pipeline, limits and errors as over gRPC. Every error is a problem (RFC 9457) whose `code` and `detail` are
those of gRPC.
"""


def build_app(
    endpoint: Endpoint,
    identity: Mapping[str, Any] | None,
    settings: Settings,
    bound: str,
    extend: Extend | None = None,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
) -> FastAPI:
    """The ASGI application of one operator, or of another interface alone.

    Args:
        endpoint: serves the calls.
        identity: what ``/v1/identity`` answers; None if no operator is served.
        settings: limits and hosts.
        bound: the IP address that is listened on.
        extend: adds the routes of another interface.
        timeouts: how long a body may be silent.
    """
    app = FastAPI(
        title=f"visop operator {identity['name']}" if identity else "visop",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        # An answer that leads to another spelling of the path would be built from the caller's Host.
        redirect_slashes=False,
        # It would make spans and metrics of its own, with the words of errors in them.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    parts = False
    if identity is not None:
        parts = identity["type"] == "processor" or bool(identity["parts"])
        _add_operator(app, endpoint, identity, settings, parts=parts)
    app.include_router(health_router(endpoint))
    if not settings.metrics_endpoint:
        app.include_router(metrics_router())
    app.include_router(docs_router())
    if parts:
        app.include_router(parts_page_router())
    if extend:
        extend(app, endpoint)
    if parts:
        app.include_router(parts_page_router("/"))  # unless there is another page
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # as FastAPI's guide does it
    add_handlers(app)
    _add_middleware(app, endpoint, settings, bound, timeouts)
    return app


def _add_operator(
    app: FastAPI, endpoint: Endpoint, identity: Mapping[str, Any], settings: Settings, *, parts: bool
) -> None:
    app.include_router(execute_router(endpoint, settings, parts=parts))
    if not parts:
        app.include_router(tei_router(endpoint, settings.max_items, int(identity["dimension"])))
    if identity["type"] == "processor":
        app.include_router(function_router(endpoint, identity["name"], identity["labels"]))
        app.include_router(analysis_router(endpoint))
    app.include_router(identity_router(identity))


def _add_middleware(app: FastAPI, endpoint: Endpoint, settings: Settings, bound: str, timeouts: Timeouts) -> None:
    """The last one added is the outermost."""
    app.add_middleware(HeadAsGet)
    rules = BodyRules(
        max_bytes=settings.max_message_bytes,
        max_time_s=settings.request_timeout_s,
        silence_s=timeouts.silence_s,
        slowest_bytes_s=timeouts.slowest_bytes_s,
        max_bodies=settings.max_calls,
    )
    app.add_middleware(BodyLimits, rules=rules, answers=lambda: endpoint.answers)
    if tokens := Tokens.of(settings):
        app.add_middleware(Authenticate, tokens=tokens)
    hosts = hosts_of(bound, settings.http_host, settings.http_hosts)
    app.add_middleware(BrowserProtection, hosts=hosts, closing=lambda: endpoint.closing)
    app.add_middleware(CountRequests)
    if tracer():
        app.add_middleware(TraceRequests)
