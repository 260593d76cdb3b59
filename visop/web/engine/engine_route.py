"""Routes of the original engine: their errors have its form, and each path may end with a slash."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from visop.errors import VisopError
from visop.http.body import Body
from visop.http.deadlines import timeout_of
from visop.http.endpoint import Endpoint, Task
from visop.http.engine_errors import EngineProblem, engine_answer
from visop.http.openapi import problem_answers
from visop.http.problems import wrong_message
from visop.web.engine.own_pictures import OwnPictures
from visop.web.engine.service import EngineService

#: Of a body, about.
MOST_VALUES = 1000

# Of a request that waits for operators: before the deadline of the request itself, so that it can be said for which.
_SOONER_S = 0.2
_SHORTEST_S = 0.05

M = TypeVar("M", bound=BaseModel)
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class EngineRoute(APIRoute):
    """A route that answers errors as the original engine does."""

    def get_route_handler(self) -> Handler:
        """Wrap the handler."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError as error:
                return engine_answer(wrong_message([each | {"loc": each["loc"][1:]} for each in error.errors()]))
            except VisopError as error:
                return engine_answer(error)

        return handle


class EngineRouter(APIRouter):
    """A router of such routes."""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Add a route, and the same with a slash at its end, which the documentation of the original engine has."""
        super().add_api_route(path, endpoint, **options)
        super().add_api_route(f"{path}/", endpoint, **options | {"include_in_schema": False})


def engine_router(prefix: str) -> APIRouter:
    """A router for the paths below a prefix."""
    return EngineRouter(prefix=prefix, route_class=EngineRoute)


def engine_answers(model: Any, **more: Any) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route.

    Args:
        model: of the answer.
        more: that FastAPI says of it.
    """
    problem = {"model": EngineProblem, "description": "`error` says what of: see the guide."}
    return {200: {"model": model, **more}, "4XX": problem, "5XX": problem, **problem_answers(403, 421)}


def deadline_of(request: Request, service: EngineService) -> float:
    """When a request has to be answered, on the clock of ``time.monotonic``. Raises UsageError for a wrong header."""
    timeout_s = timeout_of(request.headers, service.settings.request_timeout_s)
    return time.monotonic() + max(timeout_s - _SOONER_S, _SHORTEST_S)


def base_of(request: Request) -> str:
    """Where the caller reached this server: its own pictures are there, too."""
    return f"{request.url.scheme}://{request.headers.get('host') or request.url.netloc}"


def own_pictures(request: Request, service: EngineService) -> OwnPictures:
    """Reads the pictures of this server by the addresses that the caller of a request gets."""
    return OwnPictures(base_of(request), service.entities, service.published)


async def serve(endpoint: Endpoint, request: Request, answer: Callable[[Body], BaseModel | list[Any]]) -> Response:
    """Answer a request with a body; in a thread, within its deadline."""

    def parse(body: Body) -> Task:
        return Task((), lambda _: to_bytes(answer(body)))

    return await endpoint.serve(request, parse)


def to_bytes(answer: BaseModel | list[Any]) -> bytes:
    """JSON of a message, or of a list of them."""
    if isinstance(answer, BaseModel):
        return answer.model_dump_json(by_alias=True).encode()
    return b"[" + b",".join(each.model_dump_json(by_alias=True).encode() for each in answer) + b"]"
