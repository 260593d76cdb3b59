"""The paths of operators and their instances."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response

from visop.http.body import JSON, Body
from visop.http.endpoint import Endpoint
from visop.http.openapi import body_of
from visop.web.engine import messages
from visop.web.engine.engine_route import MOST_VALUES, engine_answers, engine_router, serve
from visop.web.engine.operators import refuse_market
from visop.web.engine.service import EngineService

Action = Literal["start", "stop", "restart"]


def operator_router(service: EngineService, endpoint: Endpoint) -> APIRouter:
    """Below ``/v1/operator``, but for instances."""
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


def instance_router(service: EngineService, endpoint: Endpoint) -> APIRouter:
    """Below ``/v1/operator/{name}/instances``."""
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
