"""``POST /function/NAME``: as the gateway of the function service answers, here of the processor that is served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import PlainTextResponse

from visop.errors import NotFound
from visop.http.body import Body
from visop.http.endpoint import Endpoint, Results, Task
from visop.http.openapi import CALL_PROBLEMS, FILE, answers, body_of
from visop.http.problems import UnsupportedBody
from visop.images.crops import CropOptions
from visop.serving.function_form import ORIGINAL_NAMES, function_answer, picture_of
from visop.serving.steps import found_in_one

TEXT = "text/plain"

_EXAMPLE = '[{"class": "12", "confidence": "0.9948125", "xmin": "49", "ymin": "233", "xmax": "191", "ymax": "372"}]\n'

_ANSWER = {
    "description": "A JSON list, one object per part, the most certain first. All values are strings: `class` is the "
    "number of the label among the operator's `labels`, from 1, or the label itself if it has none; "
    "`confidence` is its score; the others are whole pixels of the upright picture.",
    "content": {TEXT: {"schema": {"type": "string"}, "example": _EXAMPLE}},
}
_NAME = Path(description="Of the operator, as `/v1/identity` says it.")
# As the gateway does, whatever curl or another client says of the body.
_ANY = "*/*"


def function_router(endpoint: Endpoint, name: str, labels: Sequence[str]) -> APIRouter:
    """The route over one pipeline, that of the processor of this name with these labels."""
    router = APIRouter()
    names = {name, *ORIGINAL_NAMES.get(name, ())}

    async def call(name: Annotated[str, _NAME], request: Request) -> Response:
        """For clients of the function service. The body is the file, or its base64, also with line breaks."""
        if name not in names:
            raise NotFound(f"there is no function {name[:100]!r} here; there is {', '.join(sorted(names))}")
        return await endpoint.serve(request, lambda body: _parse(body, labels))

    documented: dict[str, Any] = {
        "summary": "A picture to what is in it, as the function service answers",
        "responses": answers(_ANSWER, 404, *CALL_PROBLEMS),
        "openapi_extra": body_of({_ANY: FILE}),
        "response_class": PlainTextResponse,
    }
    router.post("/function/{name}", **documented)(call)
    router.post("/function/{name}/", include_in_schema=False)(call)
    return router


def _parse(body: Body, labels: Sequence[str]) -> Task:
    if body.is_form:
        raise UnsupportedBody("a form: send the file, or its base64, as the body itself")

    def answer(results: Results) -> bytes:
        text = function_answer(found_in_one(results), labels)
        return f"{text}\n".encode()  # the gateway ends what a function answers with a line break

    return Task([picture_of(body.data)], answer, CropOptions(omit=True), TEXT)
