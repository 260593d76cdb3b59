"""``POST /v1/execute``: Execute of ``rpc.proto`` over HTTP.

The messages are those of the proto in the JSON mapping of protobuf (https://protobuf.dev/programming-guides/json):
bytes are base64 and 64-bit integers are strings. A request may also be a multipart form with image files.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Request, Response
from google.protobuf import json_format
from pydantic import BaseModel, ConfigDict, FailFast, Field, WithJsonSchema

from visop.detection import Found
from visop.errors import InvalidInput, UsageError, VisopError
from visop.http.accept import preferred
from visop.http.body import FORM, JSON, Body, read_part, to_json
from visop.http.endpoint import Endpoint, Results, Task
from visop.http.forms import at_most_one
from visop.http.message import Message
from visop.http.openapi import CALL_PROBLEMS, FILE, answers, body_of
from visop.rpc.statuses import code_of
from visop.serving.convert import ExecuteInputs, answers_of, crop_options, inputs_of, refuse_bad
from visop.serving.pipeline import Input
from visop.settings import MAX_MARGIN, Settings

# One error is told, not one for each of a million wrong elements.
Texts = Annotated[list[str], FailFast()]

JPEG = "image/jpeg"

_DATA_EXAMPLE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


class Crops(Message):
    """How the parts that a processor finds are cut out of their pictures."""

    model_config = ConfigDict(strict=True, extra="forbid")

    omit: bool = Field(False, description="No crops: boxes, labels and scores alone.")
    quality: int | None = Field(None, ge=1, le=100, description="Of the JPEGs; as the server is set if left out.")
    margin: float | None = Field(
        None,
        ge=0,
        le=MAX_MARGIN,
        description="Added on each side, as a share of the box; as the server is set if left out.",
    )


# In place: the schema of a body cannot refer to another.
_CROPS_SCHEMA = WithJsonSchema(Crops.model_json_schema())


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
        description="false: one bad input fails the request, and the problem names every bad input. true: one status "
        "per input, and from an encoder of whole pictures one vector, which is empty for a bad input.",
    )
    crops: Annotated[Crops, _CROPS_SCHEMA] = Field(
        Crops.model_validate({}), description="How a processor cuts out what it finds; in a form, as JSON."
    )


_FORM_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "urls": {"type": "array", "items": {"type": "string"}},
        "datas": {"type": "array", "items": {"type": "string"}},
        "images": {"type": "array", "items": {"type": "string", "format": "binary"}, "description": "The files."},
        "partial": {"type": "string", "enum": ["true", "false"], "default": "false"},
        "crops": {"type": "string", "description": "As in JSON.", "contentMediaType": JSON},
    },
}


class Vector(BaseModel):
    """One result."""

    element: list[float] = Field(description="Of unit length; empty for a bad input of a partial request.")


class MetaData(BaseModel):
    """A crop of a processor, as the original processors sent it."""

    url: str = Field(description="Empty.")
    data: str = Field(description="A JPEG in base64, and, as these are bytes in the proto, that in base64 again.")


class Box(BaseModel):
    """In pixels of the upright picture, in the resolution of its file."""

    x: float
    y: float
    w: float
    h: float


class Point(BaseModel):
    """In the same pixels."""

    x: float
    y: float


class Part(BaseModel):
    """What was found in a picture."""

    input: int = Field(description="The index of its picture among the inputs.")
    box: Box | None = Field(
        None, description="Absent if the processor cuts parts out and does not say where they were."
    )
    label: str = Field(description="Empty if the processor names nothing.")
    score: float
    keypoints: list[Point]
    crop: int | None = Field(None, description="The index of its crop in `metadata`, if there is one.")
    vector: int | None = Field(None, description="The index of its vector in `vectors`, if there is one.")


class ItemStatus(BaseModel):
    """How one input of a partial request fared."""

    code: int = Field(description="A google.rpc.Code; 0 is OK.")
    message: str = Field(description="Safe to show; empty if OK.")
    retryAfterS: float = Field(  # noqa: N815 - the JSON mapping's name
        description="Seconds to wait before this input is sent again, because the server of its URL is busy; 0 if that "
        "would not help."
    )


class ExecuteReply(BaseModel):
    """Results in the order of the inputs: of an encoder one vector per input, of others `parts`."""

    nums: str = Field(description="The number of vectors or parts, an int64 and therefore a string.", examples=["1"])
    vectors: list[Vector] = Field(examples=[[{"element": [0.6, 0.8, 0]}]])
    metadata: list[MetaData] = Field(description="The crops of a processor.")
    statuses: list[ItemStatus] = Field(description="One per input if the request was partial, else empty.")
    parts: list[Part] = Field(description="What was found; empty for an encoder of whole pictures.")


_ANSWERS = answers({"model": ExecuteReply, "content": {JPEG: {"schema": FILE}}}, 406, *CALL_PROBLEMS)


def execute_router(endpoint: Endpoint, settings: Settings, *, parts: bool) -> APIRouter:
    """The route over one pipeline; ``parts``: whether the operator answers what it finds."""
    router = APIRouter()

    @router.post(
        "/v1/execute",
        summary="Images to vectors, or to what is in them",
        responses=_ANSWERS,
        openapi_extra=body_of({JSON: ExecuteRequest, FORM: _FORM_SCHEMA}),
    )
    async def execute(request: Request) -> Response:
        """`Execute` of rpc.proto: in the JSON mapping of protobuf, or as a form with image files.

        Asked for `Accept: image/jpeg`, a processor answers its one picture with boxes and labels drawn onto it. Where
        JSON is accepted as much, as by `*/*`, it answers JSON; where neither is, 406. An encoder always answers JSON.
        """
        drawn = parts and preferred(request.headers.getlist("accept"), (JSON, JPEG)) == JPEG
        return await endpoint.serve(request, lambda body: _parse(body, _Wanted(settings, parts, drawn)))

    return router


@dataclass(frozen=True)
class _Wanted:
    """Of which operator and in which form an answer is wanted."""

    settings: Settings
    parts: bool
    drawn: bool


def _parse(body: Body, wanted: _Wanted) -> Task:
    if body.is_form:
        return _from_form(body.form(wanted.settings.max_items + 2), wanted)  # partial and crops, too
    request = body.json(ExecuteRequest, wanted.settings.max_items, or_form=True)
    return _task(request, request.crops, wanted, partial=request.partial)


def _task(request: ExecuteInputs, crops: Crops, wanted: _Wanted, *, partial: bool) -> Task:
    inputs = inputs_of(request)
    options = crop_options(wanted.settings, omit=crops.omit, quality=crops.quality, margin=crops.margin)
    if not wanted.drawn:
        return Task(inputs, lambda results: _in_json(inputs, results, partial=partial, parts=wanted.parts), options)
    if len(inputs) != 1:
        raise InvalidInput(f"{len(inputs)} inputs, and the answer in {JPEG} is one picture")
    return Task(inputs, lambda results: _drawn(inputs, results), replace(options, omit=True, drawn=True), JPEG)


def _in_json(inputs: Sequence[Input], results: Results, *, partial: bool, parts: bool) -> bytes:
    """The reply in the JSON mapping. Vectors stay arrays: protobuf's own mapping would take ten times as long."""
    found = answers_of(inputs, results, partial=partial, parts=parts)
    return to_json(
        {
            "nums": str(found.count),
            "vectors": [{"element": () if each is None else each} for each in found.vectors],
            "metadata": [{"url": "", "data": _twice_in_base64(file)} for file in found.crops],
            "statuses": [_item_status(each) for each in results] if partial else [],
            "parts": [
                json_format.MessageToDict(each, always_print_fields_with_no_presence=True) for each in found.parts
            ],
        }
    )


def _drawn(inputs: Sequence[Input], results: Results) -> bytes:
    refuse_bad(inputs, results)
    [found] = results
    return found.drawn or b"" if isinstance(found, Found) else b""


def _twice_in_base64(file: bytes) -> str:
    """Bytes that are base64, as the original processors send crops, in the JSON mapping of bytes."""
    return base64.b64encode(base64.b64encode(file)).decode()


def _item_status(result: object) -> dict[str, object]:
    if isinstance(result, VisopError):
        code, wait_s = code_of(result).value[0], result.retry_after_s or 0.0
        return {"code": code, "message": str(result), "retryAfterS": wait_s}
    return {"code": 0, "message": "", "retryAfterS": 0.0}


@dataclass(frozen=True)
class _FormInputs:
    urls: Sequence[str]
    datas: Sequence[str]
    images: Sequence[bytes]


def _from_form(parts: dict[str, list[bytes]], wanted: _Wanted) -> Task:
    if unknown := sorted(parts.keys() - ExecuteRequest.model_fields.keys()):
        known = ", ".join(ExecuteRequest.model_fields)
        raise InvalidInput(f"{unknown[0][:40]!r}: there is no such part; there are {known}")
    partial = at_most_one(parts, "partial")
    if partial not in (None, b"true", b"false"):
        raise UsageError("partial", "", "must be true or false")
    urls, datas = ([_text(name, part) for part in parts.get(name, [])] for name in ("urls", "datas"))
    crops = read_part("crops", at_most_one(parts, "crops"), Crops)
    return _task(_FormInputs(urls, datas, parts.get("images", [])), crops, wanted, partial=partial == b"true")


def _text(name: str, part: bytes) -> str:
    try:
        return part.decode()
    except UnicodeDecodeError:
        raise UsageError(name, "", "must be text in UTF-8") from None
