"""All paths of the original engine."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Response

from visop.http.body import JSON
from visop.http.endpoint import Endpoint, Extend
from visop.web.engine.application_routes import application_router
from visop.web.engine.engine_route import engine_router
from visop.web.engine.operator_routes import instance_router, operator_router
from visop.web.engine.pipeline_routes import pipeline_router
from visop.web.engine.service import EngineService

_ROUTERS = (operator_router, instance_router, pipeline_router, application_router)


def engine_routes(service: EngineService) -> Extend:
    """The interface of the original engine, for the application of the HTTP interface."""

    def extend(app: FastAPI, endpoint: Endpoint) -> None:
        for router in _ROUTERS:
            app.include_router(router(service, endpoint))
        app.include_router(_ping_router())

    return extend


def _ping_router() -> APIRouter:
    router = engine_router("/v1/settings")

    @router.get(
        "/ping", summary="Whether it is there", response_class=Response, responses={200: {"description": "pong"}}
    )
    async def ping() -> Response:
        """`pong`, without quotes, as the original engine answers."""
        return Response("pong", media_type=JSON)

    return router
