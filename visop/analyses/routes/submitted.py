"""What a request asks to be analysed: in JSON, or as a form with a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, FailFast, Field

from visop.errors import InvalidInput, UsageError
from visop.http.body import FORM, JSON, Body
from visop.http.forms import Part
from visop.http.message import Message
from visop.images.base64_text import decode_base64
from visop.images.fetching.web_url import canonical

_MOST_OPERATORS = 32
# One file, and the fields; a few more, so that the refusal can say which field is unknown.
_MOST_PARTS = 16
_NAME_CHARS = 255
_FIELDS = ("image", "url", "data", "operators", "webhook")

Names = Annotated[list[str], FailFast(), Field(max_length=_MOST_OPERATORS)]


class AnalysisRequest(Message):
    """A picture, as a URL or as data, and what shall analyse it."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://example.org/cat.jpg", "operators": ["faces"]}]},
    )

    url: str | None = Field(None, description="An http or https address of an image file.")
    data: str | None = Field(None, description="An image file in base64, bare or as a data URI.")
    operators: Names = Field([], description="Names of operators; all that there are, if left out.")
    webhook: str | None = Field(None, description="An address that is told when the analysis has ended.")


FORM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "image": {"type": "string", "format": "binary", "description": "The file."},
        "url": {"type": "string", "description": "In place of a file, its address."},
        "data": {"type": "string", "description": "In place of a file, the same in base64."},
        "operators": {"type": "string", "description": "Names, separated by commas.", "examples": ["faces,embedded"]},
        "webhook": {"type": "string"},
    },
}

#: The bodies of ``POST`` and ``PUT``, for the OpenAPI document.
BODIES: dict[str, dict[str, Any] | type[BaseModel]] = {JSON: AnalysisRequest, FORM: FORM_SCHEMA}


@dataclass(frozen=True)
class Submitted:
    """What a request asks for.

    Attributes:
        given: the content of a file, or a URL; None if the request has neither.
        source: the URL, or the name of the file; empty if it has none.
        operators: names, each once; none for all.
        webhook: the URL that is told when the analysis has ended.
    """

    given: bytes | str | None
    source: str
    operators: Sequence[str]
    webhook: str | None


def submitted(body: Body, max_bytes: int) -> Submitted:
    """Read the body of a request.

    Args:
        body: JSON or a form.
        max_bytes: of a picture.

    Raises:
        InvalidInput, UsageError: it is not what it must be, has several pictures, or an address that is never fetched.
    """
    if body.is_form:
        return _of_form(body.parts(_MOST_PARTS), max_bytes)
    request = body.json(AnalysisRequest, 1, or_form=True)
    return _made(None, request, max_bytes)


def _of_form(parts: Sequence[Part], max_bytes: int) -> Submitted:
    texts: dict[str, Any] = {}
    files = [part for part in parts if part.name == "image"]
    if len(files) > 1:
        raise UsageError("image", "", f"is one picture, and {len(files)} were sent; `POST /jobs` takes several")
    for part in parts:
        if part.name not in _FIELDS:
            raise UsageError(part.name[:40], "", f"there is no such part; there are {', '.join(_FIELDS)}")
        if part.name in texts:
            raise UsageError(part.name, "", "may be given once")
        if part.name != "image":
            texts[part.name] = _text(part)
    names = [each.strip() for each in texts.pop("operators", "").split(",") if each.strip()]
    if len(names) > _MOST_OPERATORS:
        raise UsageError("operators", "", f"must have at most {_MOST_OPERATORS} elements")
    request = AnalysisRequest.model_validate({**texts, "operators": names})
    return _made(files[0] if files else None, request, max_bytes)


def _made(file: Part | None, request: AnalysisRequest, max_bytes: int) -> Submitted:
    if sum(each is not None for each in (file, request.url, request.data)) > 1:
        raise InvalidInput("send one picture: a file, `url` or `data`")
    given: bytes | str | None = file.content if file else None
    source = _name(file.file_name or "") if file else ""
    if request.data is not None:
        given = decode_base64(request.data, max_bytes)
    if request.url is not None:
        given = source = canonical(request.url)
    webhook = canonical(request.webhook) if request.webhook else None
    operators = list(dict.fromkeys(request.operators))
    return Submitted(given, source, operators, webhook)


def _name(text: str) -> str:
    """What may be stored of a file's name, which is told and nothing else. PostgreSQL cannot hold a NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:_NAME_CHARS]


def _text(part: Part) -> str:
    try:
        return part.content.decode()
    except UnicodeDecodeError:
        raise UsageError(part.name, "", "must be text in UTF-8") from None
