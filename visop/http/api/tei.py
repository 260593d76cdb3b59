"""``POST /embed``: as text-embeddings-inference answers, with pictures in place of its texts.

https://huggingface.github.io/text-embeddings-inference. Milvus's provider of that name posts it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BeforeValidator, ConfigDict, FailFast, Field, WithJsonSchema

from visop.contract import Vector
from visop.errors import ImageDecodeError, InvalidInput, UsageError, VisopError
from visop.http.body import JSON, Body, to_json
from visop.http.endpoint import Endpoint, Results, Task
from visop.http.message import Message
from visop.http.openapi import CALL_PROBLEMS, answers, body_of
from visop.serving.convert import refuse_bad
from visop.serving.pipeline import Input
from visop.serving.steps import vectors_of

# What Milvus 2.6 posts when a collection with a text-embedding function is created, to see that the function works and
# that its vectors have the dimension of their field (`Check` in internal/util/function/embedding of its source).
_PROBE = ["check"]

# Of a GIF of one pixel, in base64.
_SMALLEST_IMAGE_CHARS = 35

TextOrTexts = Annotated[
    list[str],
    FailFast(),
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class EmbedRequest(Message):
    """As text-embeddings-inference takes it. What is said there of texts has no effect on pictures."""

    model_config = ConfigDict(
        strict=True, extra="ignore", json_schema_extra={"examples": [{"inputs": ["https://example.org/cat.jpg"]}]}
    )

    inputs: TextOrTexts = Field(
        description="http or https addresses, and data URIs or bare base64, of image files; or a single one. "
        f"{orjson.dumps(_PROBE).decode()}, which is no picture, is Milvus's probe: its vector is 1, 0, 0, ..."
    )
    normalize: bool = Field(True, description="No effect: vectors always have unit length.")
    truncate: bool | None = Field(None, description="No effect.")
    truncation_direction: Literal["Left", "Right", "left", "right"] = Field("Right", description="No effect.")
    prompt_name: str | None = Field(None, description="No effect.")
    dimensions: int | None = Field(None, description="If given, it must be the operator's own.")


_VECTORS = {
    "description": "One vector per input, in order.",
    "content": {
        JSON: {
            "schema": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
            "example": [[0.6, 0.8, 0]],
        }
    },
}


def tei_router(endpoint: Endpoint, max_items: int, dimension: int) -> APIRouter:
    """The route over one pipeline, whose vectors have ``dimension`` numbers."""
    router = APIRouter()

    @router.post(
        "/embed",
        summary="Images to vectors, as text-embeddings-inference answers",
        responses=answers(_VECTORS, *CALL_PROBLEMS),
        openapi_extra=body_of({JSON: EmbedRequest}),
    )
    async def embed(request: Request) -> Response:
        """For Milvus's provider of that name, so that Milvus turns addresses of pictures into vectors itself."""
        return await endpoint.serve(request, lambda body: _parse(body, max_items, dimension))

    return router


def _parse(body: Body, max_items: int, dimension: int) -> Task:
    request = body.json(EmbedRequest, max_items)
    if request.dimensions not in (None, dimension):
        raise UsageError("dimensions", request.dimensions, f"vectors of this operator have {dimension}")
    if request.inputs == _PROBE and orjson.loads(body.data)["inputs"] == _PROBE:  # a list, as Milvus sends it
        return Task([], lambda _: to_json([[1.0] + [0.0] * (dimension - 1)]))
    inputs = [Input(f"inputs[{index}]", text, is_url=_is_url(text)) for index, text in enumerate(request.inputs)]

    def answer(results: Results) -> bytes:
        told = [_in_other_words(*each) for each in zip(request.inputs, vectors_of(results), strict=True)]
        refuse_bad(inputs, told)
        return to_json(told)

    return Task(inputs, answer)


def _in_other_words(text: str, result: Vector | VisopError) -> Vector | VisopError:
    """Say of a text that cannot be an image file what is taken here; decoding it would only call it bad base64."""
    if isinstance(result, ImageDecodeError) and not _is_url(text) and len(text) < _SMALLEST_IMAGE_CHARS:
        return InvalidInput("neither a URL (http://..., https://...) nor an image file in base64 or as a data URI")
    return result


def _is_url(text: str) -> bool:
    """A URL has a scheme and //; no base64 has, and no data URI."""
    return "://" in text[:32]
