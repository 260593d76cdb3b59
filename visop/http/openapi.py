"""What the OpenAPI document says of the routes, and the document itself.

FastAPI makes it from the routes and their pydantic models. It cannot know of bodies that ``Endpoint.serve`` reads, nor
of problems: the functions here describe those, for a route's ``responses`` and ``openapi_extra``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from visop.http.problems import MEDIA_TYPE, Problem

#: What a call of the pipeline can end with beside its answer, and what another request can.
CALL_PROBLEMS = (400, 403, 408, 413, 415, 421, 429, 500, 503, 504)
READ_PROBLEMS = (400, 421, 500, 503)

#: The bytes of a file, as a schema.
FILE = {"type": "string", "format": "binary"}

_TIMEOUT = {
    "name": "X-Request-Timeout",
    "in": "header",
    "description": "Seconds that the caller waits; afterwards the work is dropped. OP_REQUEST_TIMEOUT_S holds anyway.",
    "schema": {"type": "number", "exclusiveMinimum": 0},
    "example": 2.5,
}

_PROBLEMS = {
    400: "An input or the request is bad; `violations` names every bad input. Or a URL's server answered no image.",
    401: "A token is needed: `Authorization: Bearer TOKEN`.",
    403: "A page of another site sent it, or it is not allowed here.",
    404: "No such picture or function, or the picture cannot be fetched.",
    406: "`Accept` takes no form that the answer has.",
    408: "The body came too slowly.",
    409: "There is one of this name already.",
    410: "The picture is in the index, but its file is gone or has changed.",
    413: "The body is over OP_MAX_MESSAGE_BYTES.",
    415: "The body is of a type or an encoding that is not read.",
    421: "The Host is not a name of this server.",
    429: "Too much at once; Retry-After says when to come again.",
    500: "The model failed on an input.",
    503: "Draining, or a URL's server could not be reached or is busy; Retry-After says when to come again, if known.",
    504: "The time was over before the work was done.",
}


# Where a schema finds those that it refers to.
_REFERENCE = "#/components/schemas/{model}"


def answers(
    success: type[BaseModel] | dict[str, Any], *problems: int, status: int = 200
) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that makes its answer itself.

    Args:
        success: the model of the answer, or OpenAPI's description of one that is no model.
        problems: statuses of the problems that the route can answer.
        status: of the answer.
    """
    return {status: success if isinstance(success, dict) else {"model": success}, **problem_answers(*problems)}


def problem_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route whose answer FastAPI makes: the problems with these statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    return {status: {"description": _PROBLEMS[status], "content": content} for status in statuses}


def body_of(schemas: Mapping[str, dict[str, Any] | type[BaseModel]]) -> dict[str, Any]:
    """What ``Endpoint.serve`` reads, for the ``openapi_extra`` of a route: models or JSON schemas by media type."""
    content = {
        media_type: {
            "schema": schema if isinstance(schema, dict) else schema.model_json_schema(ref_template=_REFERENCE)
        }
        for media_type, schema in schemas.items()
    }
    return {"requestBody": {"required": True, "content": content}, "parameters": [_TIMEOUT]}


def _bodies(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schemas of the bodies of all requests."""
    for path in made["paths"].values():
        for operation in path.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield content["schema"]


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of all routes, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, summary=app.summary, description=app.description, routes=app.routes
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        whole = Problem.model_json_schema(ref_template=_REFERENCE)
        for body in _bodies(made):
            schemas |= body.pop("$defs", {})
        schemas |= whole.pop("$defs") | {Problem.__name__: whole}
        app.openapi_schema = made
    return app.openapi_schema
