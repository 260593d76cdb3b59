"""``POST /analysis``: a picture in the form that the analysis module takes, and what is in it as its records say it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from visop.errors import UsageError
from visop.http.body import FORM, Body, to_json
from visop.http.endpoint import Endpoint, Results, Task
from visop.http.openapi import CALL_PROBLEMS, answers, body_of
from visop.images.crops import CropOptions
from visop.serving.analysis_form import analysis_result
from visop.serving.pipeline import Input
from visop.serving.steps import found_in_one

_IMAGE = "image"

_FORM_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": [_IMAGE],
    "properties": {_IMAGE: {"type": "string", "format": "binary", "description": "The file."}},
}


class Position(BaseModel):
    """In pixels of the upright picture; all 0 if the processor does not say where it is."""

    x: float = Field(description="Of the left edge.")
    y: float = Field(description="Of the upper edge.")
    w: float
    h: float


class Label(BaseModel):
    """What may be there."""

    description: str
    score: float


class Entry(BaseModel):
    """One position in the picture."""

    position: Position
    label: list[Label] = Field(description="By falling score; empty if the processor names nothing.")


_RESULT = {
    "description": "What is in the picture, as `result` in the records of the analysis module.",
    "model": list[Entry],
}


def analysis_router(endpoint: Endpoint) -> APIRouter:
    """The route over the pipeline of a processor."""
    router = APIRouter()

    @router.post(
        "/analysis",
        summary="A picture to what is in it, as the analysis module answers",
        responses=answers(_RESULT, *CALL_PROBLEMS),
        openapi_extra=body_of({FORM: _FORM_SCHEMA}),
    )
    async def analyse(request: Request) -> Response:
        """For clients of the analysis module. What has the same box is one entry with several labels."""
        return await endpoint.serve(request, _parse)

    return router


def _parse(body: Body) -> Task:
    parts = body.form(max_parts=2)
    if unknown := sorted(parts.keys() - {_IMAGE}):
        raise UsageError(unknown[0][:40], "", f"there is no such part; there is {_IMAGE}")
    files = parts.get(_IMAGE, [])
    if len(files) != 1:
        raise UsageError(_IMAGE, "", f"must be one file, and {len(files)} were sent")

    def answer(results: Results) -> bytes:
        return to_json(analysis_result(part.detection for part in found_in_one(results).parts))

    return Task([Input(_IMAGE, files[0])], answer, CropOptions(omit=True))
