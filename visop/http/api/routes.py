"""The paths of the HTTP interface, and what its document says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from visop.errors import Unreachable
from visop.http.api.messages import (
    EmbedRequest,
    ExecuteReply,
    ExecuteRequest,
    Identity,
    State,
    dump,
    parse_embed,
    parse_execute,
)
from visop.http.endpoint import Endpoint
from visop.http.problems import Problem

_FORM = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "urls": {"type": "array", "items": {"type": "string"}},
        "datas": {"type": "array", "items": {"type": "string"}},
        "images": {"type": "array", "items": {"type": "string", "format": "binary"}, "description": "The files."},
        "partial": {"type": "string", "enum": ["true", "false"], "default": "false"},
    },
}

_VECTORS = {
    "description": "One vector per input, in order.",
    "content": {
        "application/json": {
            "schema": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
            "example": [[0.6, 0.8, 0]],
        }
    },
}

_TIMEOUT = {
    "name": "X-Request-Timeout",
    "in": "header",
    "description": "Seconds that the caller waits; afterwards the work is dropped. OP_REQUEST_TIMEOUT_S holds anyway.",
    "schema": {"type": "number", "exclusiveMinimum": 0},
    "example": 2.5,
}

# What a call can end with, beside its answer: the table of `problems`.
_FAULTS = {
    400: "An input or the request is bad; `violations` names every bad input. Or a URL's server answered no image.",
    403: "A page of another site sent it.",
    408: "The body came too slowly.",
    413: "The body is over OP_MAX_MESSAGE_BYTES.",
    415: "The body is of a type or an encoding that is not read.",
    421: "The Host is not a name of this server.",
    429: "Too much at once; Retry-After says when to come again.",
    500: "The model failed on an input.",
    503: "Draining, or a URL's server could not be reached.",
    504: "The time was over before the work was done.",
}


def api_router(endpoint: Endpoint, identity: Mapping[str, Any], max_items: int) -> APIRouter:
    """The routes over one pipeline."""
    router = APIRouter()

    @router.post(
        "/v1/execute",
        summary="Images to vectors",
        responses=_answers(_json(ExecuteReply), *_FAULTS),
        openapi_extra=body_of({"application/json": inline(ExecuteRequest), "multipart/form-data": _FORM}),
    )
    async def execute(request: Request) -> Response:
        """`Execute` of rpc.proto: in the JSON mapping of protobuf, or as a form with image files."""
        return await endpoint.serve(request, lambda body: parse_execute(body, max_items))

    @router.post(
        "/embed",
        summary="Images to vectors, as text-embeddings-inference answers",
        responses=_answers(_VECTORS, *_FAULTS),
        openapi_extra=body_of({"application/json": inline(EmbedRequest)}),
    )
    async def embed(request: Request) -> Response:
        """For Milvus's provider of that name, so that Milvus turns addresses of pictures into vectors itself."""
        dimension = int(identity["dimension"])
        return await endpoint.serve(request, lambda body: parse_embed(body, max_items, dimension))

    @router.get("/v1/identity", summary="What this operator is", responses=_answers(_json(Identity), 421))
    async def identify() -> Response:
        """Name, dimension, metric, fingerprint and limits."""
        return Response(dump(identity), media_type="application/json")

    @router.get("/healthz", summary="Whether the process lives", responses=_answers(_json(State), 421))
    async def live() -> State:
        """For a liveness probe: it fails only if nothing is answered any more."""
        return State(status="alive")

    @router.get("/readyz", summary="Whether calls are served", responses=_answers(_json(State), 421, 503))
    async def ready() -> State:
        """For a readiness probe: the same truth as the gRPC health service."""
        if trouble := endpoint.trouble():
            raise Unreachable(f"not ready: {trouble}")
        return State(status="ready")

    return router


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"model": model}


def _answers(success: dict[str, Any], *faults: int) -> dict[int | str, dict[str, Any]]:
    return {200: success} | problems(*faults)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route can answer, for its ``responses``."""
    content = {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    return {status: {"description": _FAULTS[status], "content": content} for status in statuses}


def inline(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a body that the application reads itself."""
    return model.model_json_schema()


def body_of(schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What ``Endpoint.serve`` reads, for the ``openapi_extra`` of a route: schemas by media type."""
    content = {media_type: {"schema": schema} for media_type, schema in schemas.items()}
    return {"requestBody": {"required": True, "content": content}, "parameters": [_TIMEOUT]}
