"""``POST /v1/execute``: Execute of ``rpc.proto`` over HTTP.

The messages are those of the proto in the JSON mapping of protobuf (https://protobuf.dev/programming-guides/json):
bytes are base64 and 64-bit integers are strings. A request may also be a multipart form with image files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, FailFast, Field

from visop.errors import InvalidInput, UsageError, VisopError
from visop.http.body import FORM, JSON, Body, to_json
from visop.http.endpoint import Endpoint, Results, Task
from visop.http.message import Message
from visop.http.openapi import CALL_PROBLEMS, answers, body_of
from visop.rpc.statuses import code_of
from visop.serving.convert import ExecuteInputs, inputs_of, refuse_bad

# One error is told, not one for each of a million wrong elements.
Texts = Annotated[list[str], FailFast()]

_DATA_EXAMPLE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


class ExecuteRequest(Message):
    """Results stand in field order: all urls, then all datas, then all images."""

    model_config = ConfigDict(
        strict=True, extra="forbid", json_schema_extra={"examples": [{"datas": [_DATA_EXAMPLE], "partial": False}]}
    )

    urls: Texts = Field([], description="http or https addresses of image files.")
    datas: Texts = Field([], description="Image files in base64, bare or as data URIs (`data:;base64,...`)")
    images: Texts = Field([], description="Image files in base64; in a form, the files themselves.")
    partial: bool = Field(
        False,
        description="false: one bad input fails the request, and the problem names every bad input. true: one vector "
        "and one status per input; a bad input has an empty vector and its own status.",
    )


_FORM_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "urls": {"type": "array", "items": {"type": "string"}},
        "datas": {"type": "array", "items": {"type": "string"}},
        "images": {"type": "array", "items": {"type": "string", "format": "binary"}, "description": "The files."},
        "partial": {"type": "string", "enum": ["true", "false"], "default": "false"},
    },
}


class Vector(BaseModel):
    """One result."""

    element: list[float] = Field(description="Of unit length; empty for a bad input of a partial request.")


class MetaData(BaseModel):
    """What a processor answers instead of vectors; always empty for an encoder."""

    url: str
    data: str


class ItemStatus(BaseModel):
    """How one input of a partial request fared."""

    code: int = Field(description="A google.rpc.Code; 0 is OK.")
    message: str = Field(description="Safe to show; empty if OK.")
    retryAfterS: float = Field(  # noqa: N815 - the JSON mapping's name
        description="Seconds to wait before this input is sent again, because the server of its URL is busy; 0 if that "
        "would not help."
    )


class ExecuteReply(BaseModel):
    """One vector per input, in the order of the inputs."""

    nums: str = Field(description="The number of results, an int64 and therefore a string.", examples=["1"])
    vectors: list[Vector] = Field(examples=[[{"element": [0.6, 0.8, 0]}]])
    metadata: list[MetaData]
    statuses: list[ItemStatus] = Field(description="One per input if the request was partial, else empty.")


def execute_router(endpoint: Endpoint, max_items: int) -> APIRouter:
    """The route over one pipeline."""
    router = APIRouter()

    @router.post(
        "/v1/execute",
        summary="Images to vectors",
        responses=answers(ExecuteReply, *CALL_PROBLEMS),
        openapi_extra=body_of({JSON: ExecuteRequest, FORM: _FORM_SCHEMA}),
    )
    async def execute(request: Request) -> Response:
        """`Execute` of rpc.proto: in the JSON mapping of protobuf, or as a form with image files."""
        return await endpoint.serve(request, lambda body: _parse(body, max_items))

    return router


def _parse(body: Body, max_items: int) -> Task:
    if body.is_form:
        return _from_form(body.form(max_items + 1))  # and partial
    request = body.json(ExecuteRequest, max_items)
    return _task(request, partial=request.partial)


def _task(request: ExecuteInputs, *, partial: bool) -> Task:
    inputs = inputs_of(request)

    def answer(results: Results) -> bytes:
        if not partial:
            refuse_bad(inputs, results)
        vectors = [{"element": () if isinstance(each, VisopError) else each} for each in results]
        statuses = [_item_status(each) for each in results] if partial else []
        return to_json({"nums": str(len(results)), "vectors": vectors, "metadata": [], "statuses": statuses})

    return Task(inputs, answer)


def _item_status(result: object) -> dict[str, object]:
    if isinstance(result, VisopError):
        code, wait_s = code_of(result).value[0], result.retry_after_s or 0.0
        return {"code": code, "message": str(result), "retryAfterS": wait_s}
    return {"code": 0, "message": "", "retryAfterS": 0.0}


@dataclass(frozen=True)
class _Parts:
    urls: Sequence[str]
    datas: Sequence[str]
    images: Sequence[bytes]


def _from_form(parts: dict[str, list[bytes]]) -> Task:
    if unknown := sorted(parts.keys() - ExecuteRequest.model_fields.keys()):
        known = ", ".join(ExecuteRequest.model_fields)
        raise InvalidInput(f"{unknown[0][:40]!r}: there is no such part; there are {known}")
    partial = parts.get("partial", [b"false"])[-1]
    if partial not in (b"true", b"false"):
        raise UsageError("partial", "", "must be true or false")
    urls, datas = ([_text(name, part) for part in parts.get(name, [])] for name in ("urls", "datas"))
    return _task(_Parts(urls, datas, parts.get("images", [])), partial=partial == b"true")


def _text(name: str, part: bytes) -> str:
    try:
        return part.decode()
    except UnicodeDecodeError:
        raise UsageError(name, "", "must be text in UTF-8") from None
