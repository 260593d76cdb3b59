"""The paths of the original engine: operators, pipelines, and that it is there."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, FastAPI, Request, Response

from visop.http.body import JSON, Body
from visop.http.endpoint import Endpoint, Extend
from visop.http.openapi import body_of
from visop.web.engine import messages
from visop.web.engine.application_routes import application_router
from visop.web.engine.engine_route import deadline_of, engine_answers, engine_router, own_pictures, serve
from visop.web.engine.fields import given_picture
from visop.web.engine.operators import refuse_market
from visop.web.engine.service import EngineService

# Bodies have few values.
MOST_VALUES = 1000

Action = Literal["start", "stop", "restart"]


def engine_routes(service: EngineService) -> Extend:
    """The interface of the original engine, for the application of the HTTP interface."""

    def extend(app: FastAPI, endpoint: Endpoint) -> None:
        app.include_router(_operator_router(service, endpoint))
        app.include_router(_instance_router(service, endpoint))
        app.include_router(_pipeline_router(service, endpoint))
        app.include_router(application_router(service, endpoint))
        app.include_router(_ping_router())

    return extend


def _operator_router(service: EngineService, endpoint: Endpoint) -> APIRouter:
    router = engine_router("/v1/operator")

    @router.get("", summary="All operators", responses=engine_answers(list[messages.Operator]))
    async def every(request: Request) -> list[messages.Operator]:
        """Those that are registered, in their order."""
        return await endpoint.look(request, lambda: [messages.Operator(**each) for each in service.operators.all()])

    @router.post(
        "/register",
        summary="Register an operator",
        responses=engine_answers(messages.Operator),
        openapi_extra=body_of({JSON: messages.NewOperator}),
    )
    async def register(request: Request) -> Response:
        """One that is running: it is asked what it is."""

        def answer(body: Body) -> messages.Operator:
            new = body.json(messages.NewOperator, MOST_VALUES)
            with service.working():
                return messages.Operator(**service.operators.register(new))

        return await serve(endpoint, request, answer)

    @router.post(
        "/fetch",
        summary="Fetch operators from a market",
        responses=engine_answers(list[messages.Operator]),
        openapi_extra=body_of({JSON: messages.Market}),
    )
    async def fetch(request: Request) -> Response:
        """Always refused: there is no market."""

        def answer(body: Body) -> list[messages.Operator]:
            refuse_market(body.json(messages.Market, MOST_VALUES).url)
            return []

        return await serve(endpoint, request, answer)

    @router.get("/{name}", summary="An operator", responses=engine_answers(messages.Operator))
    async def one(request: Request, name: str) -> messages.Operator:
        """As it was registered."""
        return await endpoint.look(request, lambda: messages.Operator(**service.operators.get(name)))

    @router.delete("/{name}", summary="Forget an operator", responses=engine_answers(messages.Operator))
    async def delete(request: Request, name: str) -> messages.Operator:
        """It goes on, and so do pipelines of it."""
        return await endpoint.look(request, lambda: messages.Operator(**service.operators.delete(name)))

    return router


def _instance_router(service: EngineService, endpoint: Endpoint) -> APIRouter:
    router = engine_router("/v1/operator/{name}/instances")

    @router.get("", summary="The instances of an operator", responses=engine_answers(list[messages.Instance]))
    async def every(request: Request, name: str) -> list[messages.Instance]:
        """Names for the running operator."""
        return await endpoint.look(
            request, lambda: [messages.Instance(**each) for each in service.operators.instances(name)]
        )

    @router.post(
        "",
        summary="Make an instance by its name in the body",
        responses=engine_answers(messages.Instance),
        openapi_extra=body_of({JSON: messages.NewInstance}),
    )
    async def create_named(request: Request, name: str) -> Response:
        """As with its name in the path; a guide of the original engine has it so."""

        def answer(body: Body) -> messages.Instance:
            new = body.json(messages.NewInstance, MOST_VALUES)
            with service.working():
                return messages.Instance(**service.operators.add_instance(name, new.instanceName))

        return await serve(endpoint, request, answer)

    @router.post("/{instance}", summary="Make an instance", responses=engine_answers(messages.Instance))
    async def create(request: Request, name: str, instance: str) -> messages.Instance:
        """Another name for the running operator, which must be reached. Nothing is started."""

        def make() -> messages.Instance:
            with service.working():
                return messages.Instance(**service.operators.add_instance(name, instance))

        return await endpoint.look(request, make)

    @router.delete("/{instance}", summary="Forget an instance", responses=engine_answers(messages.Instance))
    async def delete(request: Request, name: str, instance: str) -> messages.Instance:
        """The operator goes on, and so do pipelines of it."""
        return await endpoint.look(
            request, lambda: messages.Instance(**service.operators.delete_instance(name, instance))
        )

    @router.post("/{instance}/{action}", summary="Use an instance or not", responses=engine_answers(messages.Instance))
    async def change(request: Request, name: str, instance: str, action: Action) -> messages.Instance:
        """`stop` keeps pipelines from using it, `start` lets them, `restart` connects anew. The operator goes on."""

        def make() -> messages.Instance:
            with service.working():
                act = service.operators.stop if action == "stop" else service.operators.start
                return messages.Instance(**act(name, instance))

        return await endpoint.look(request, make)

    return router


def _pipeline_router(service: EngineService, endpoint: Endpoint) -> APIRouter:
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


def _ping_router() -> APIRouter:
    router = engine_router("/v1/settings")

    @router.get(
        "/ping", summary="Whether it is there", response_class=Response, responses={200: {"description": "pong"}}
    )
    async def ping() -> Response:
        """`pong`, without quotes, as the original engine answers."""
        return Response("pong", media_type=JSON)

    return router
