"""What a request asks a job to be, in JSON or as a form with files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field

from visop.analyses.routes.submitted import Names
from visop.analyses.states import BATCH, INTERACTIVE
from visop.errors import UsageError
from visop.http.body import FORM, JSON, Body
from visop.http.forms import Part
from visop.http.message import Message
from visop.images.fetching.web_url import canonical

#: URLs of one job, and files of one request.
MOST_URLS, MOST_FILES = 100_000, 1000

_NAME_CHARS = 200


class JobSource(Message):
    """Where the pictures of a job come from."""

    model_config = ConfigDict(strict=True, extra="forbid")

    kind: Literal["urls", "folder", "prefix", "upload"]
    urls: Annotated[list[str], FailFast(), Field(max_length=MOST_URLS)] = Field([], description="Of kind `urls`.")
    path: str = Field("", max_length=4096, description="Of kind `folder`: a folder of the service and its workers.")
    address: str = Field("", max_length=4096, description="Of kind `prefix`, such as s3://BUCKET/FOLDER.")

    def stored(self) -> dict[str, Any]:
        """The source as it is stored.

        Raises:
            UsageError, UrlRejected: what its kind needs is missing, or is no address that is ever fetched.
        """
        if self.kind == "urls":
            if not self.urls:
                raise UsageError("source.urls", "", "must have at least one URL")
            urls = [canonical(each) for each in self.urls]
            return {"kind": self.kind, "urls": urls, "count": len(urls)}
        if self.kind == "folder":
            return {"kind": self.kind, "path": _given("path", self.path).rstrip("/") or "/"}
        if self.kind == "prefix":
            return {"kind": self.kind, "address": _given("address", self.address).rstrip("/")}
        return {"kind": self.kind}


class JobRequest(Message):
    """Many pictures, and what shall analyse them."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={"examples": [{"source": {"kind": "urls", "urls": ["https://example.org/cat.jpg"]}}]},
    )

    source: JobSource
    operators: Names = Field([], description="Names of operators; all that there are, if left out.")
    name: str = Field("", max_length=_NAME_CHARS, description="For people.")
    webhook: str | None = Field(None, description="An address that is told when the job has ended.")
    priority: int = Field(BATCH, ge=INTERACTIVE, le=100, description="Lower comes first.")


class JobChange(Message):
    """What shall become of a job; one of them."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [{"state": "paused"}]})

    state: Literal["paused", "queued", "cancelled"] | None = Field(None, description="queued goes on with it.")
    retry: Literal["failed"] | None = Field(None, description="Queue again what failed.")
    complete: Literal[True] | None = Field(None, description="Of an open job: it has all of its pictures.")


class FormFields(Message):
    """The fields of a form, beside its files."""

    operators: Names = Field([])
    name: str = Field("", max_length=_NAME_CHARS)
    webhook: str | None = None


_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["image"],
    "additionalProperties": False,
    "properties": {
        "image": {"type": "array", "items": {"type": "string", "format": "binary"}, "description": "The files."},
        "operators": {"type": "string", "description": "Names, separated by commas."},
        "name": {"type": "string"},
        "webhook": {"type": "string"},
    },
}

#: The bodies of ``POST /jobs``, for the OpenAPI document.
BODIES: dict[str, dict[str, Any] | type[BaseModel]] = {JSON: JobRequest, FORM: _FORM}

#: The body of ``POST /jobs/{id}/pictures``.
PICTURES: dict[str, dict[str, Any] | type[BaseModel]] = {
    FORM: {
        "type": "object",
        "required": ["image"],
        "additionalProperties": False,
        "properties": {
            "image": _FORM["properties"]["image"],
            "first": {"type": "string", "description": "The position of the first: sent again, it changes nothing."},
        },
    }
}


def job_of(body: Body) -> tuple[JobRequest, list[Part]]:
    """Read the body of ``POST /jobs``: what the job is to be, and the files that are all of its pictures.

    Raises:
        InvalidInput, UsageError: it is not what it must be.
    """
    if not body.is_form:
        return body.json(JobRequest, MOST_URLS, or_form=True), []
    files, texts = files_of(body, ("operators", "name", "webhook"))
    names = [each.strip() for each in texts.pop("operators", "").split(",") if each.strip()]
    fields = FormFields.model_validate({**texts, "operators": names})
    asked = {**fields.model_dump(), "source": {"kind": "upload"}}
    return JobRequest.model_validate(asked), files


def files_of(body: Body, fields: Sequence[str]) -> tuple[list[Part], dict[str, str]]:
    """The files of a form, and its texts. Raises as ``job_of``."""
    files, texts = [], dict[str, str]()
    for part in body.parts(MOST_FILES + len(fields)):
        if part.name == "image":
            files.append(part)
        elif part.name not in fields or part.name in texts:
            raise UsageError(part.name[:40], "", f"there may be one each of {', '.join(fields)}, and files as image")
        else:
            texts[part.name] = _text(part)
    if not files:
        raise UsageError("image", "", "send at least one file")
    return files, texts


def position_of(text: str | None) -> int | None:
    """A position as a form has it. Raises UsageError."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise UsageError("first", text[:40], "must be a whole number from 0")
    return int(text)


def _given(field: str, value: str) -> str:
    if not value or "\0" in value:
        raise UsageError(f"source.{field}", "", "must be given")
    return value


def _text(part: Part) -> str:
    try:
        return part.content.decode().replace("\0", "")
    except UnicodeDecodeError:
        raise UsageError(part.name, "", "must be text in UTF-8") from None
