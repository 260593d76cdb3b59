"""The paths of pipelines."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from visop.http.body import JSON, Body
from visop.http.endpoint import Endpoint
from visop.http.openapi import body_of
from visop.web.engine import messages
from visop.web.engine.engine_route import (
    MOST_VALUES,
    deadline_of,
    engine_answers,
    engine_router,
    own_pictures,
    serve,
)
from visop.web.engine.fields import given_picture
from visop.web.engine.service import EngineService


def pipeline_router(service: EngineService, endpoint: Endpoint) -> APIRouter:
    """Below ``/v1/pipeline``."""
    router = engine_router("/v1/pipeline")

    @router.get("", summary="All pipelines", responses=engine_answers(list[messages.Pipeline]))
    async def every(request: Request) -> list[messages.Pipeline]:
        """Those that were made, in their order."""
        return await endpoint.look(request, lambda: [messages.Pipeline(**each) for each in service.pipelines.all()])

    @router.get("/{name}", summary="A pipeline", responses=engine_answers(messages.Pipeline))
    async def one(request: Request, name: str) -> messages.Pipeline:
        """With its operators as they were when it was made."""
        return await endpoint.look(request, lambda: messages.Pipeline(**service.pipelines.get(name)))

    @router.post(
        "/{name}",
        summary="Make a pipeline",
        responses=engine_answers(messages.Pipeline),
        openapi_extra=body_of({JSON: messages.NewPipeline}),
    )
    async def create(request: Request, name: str) -> Response:
        """Its operators must be running."""

        def answer(body: Body) -> messages.Pipeline:
            new = body.json(messages.NewPipeline, MOST_VALUES)
            with service.working():
                return messages.Pipeline(**service.pipelines.create(name, new))

        return await serve(endpoint, request, answer)

    @router.delete("/{name}", summary="Forget a pipeline", responses=engine_answers(messages.Pipeline))
    async def delete(request: Request, name: str) -> messages.Pipeline:
        """Refused while an application needs it."""
        return await endpoint.look(request, lambda: messages.Pipeline(**service.pipelines.delete(name)))

    @router.post(
        "/{name}/test",
        summary="Run a pipeline",
        responses=engine_answers(messages.Vectors),
        openapi_extra=body_of({JSON: messages.Picture}),
    )
    async def test(request: Request, name: str) -> Response:
        """On one picture: the vectors that it makes."""
        deadline, own = deadline_of(request, service), own_pictures(request, service)

        def answer(body: Body) -> messages.Vectors:
            service.pipelines.get(name)
            given = given_picture("", body.json(messages.Picture, MOST_VALUES).model_dump(), own.read)
            with service.working():
                made = service.pipelines.run(name, given, deadline)
            return messages.Vectors(result=[vector.tolist() for vector in made.vectors])

        return await serve(endpoint, request, answer)

    return router
