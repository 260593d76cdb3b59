"""The messages of the HTTP interface: what is accepted, how it is read, and what is answered.

``ExecuteRequest`` and ``ExecuteReply`` are those of ``rpc.proto`` in the JSON mapping of protobuf
(https://protobuf.dev/programming-guides/json): bytes are base64 and 64-bit integers are strings. ``EmbedRequest`` is
that of text-embeddings-inference (https://huggingface.github.io/text-embeddings-inference), whose texts are pictures
here; Milvus's provider of that name posts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, ValidationError, WithJsonSchema

from visop.errors import InvalidInput, VisopError
from visop.http.complaints import complain
from visop.http.endpoint import Body, Results, Task
from visop.http.forms import read_form
from visop.http.problems import UnsupportedBody
from visop.rpc.statuses import code_of
from visop.serving.convert import Inputs, refuse_bad, sources_of
from visop.serving.pipeline import Source

# A URL may have commas of its own.
_COMMAS_PER_INPUT = 64
_OTHER_FIELDS = 16

M = TypeVar("M", bound=BaseModel)

# One error is told, not one for each of a million wrong elements.
Texts = Annotated[list[str], FailFast()]
TextOrTexts = Annotated[
    list[str],
    FailFast(),
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]

_URL_EXAMPLE = "https://example.org/cat.jpg"
_DATA_EXAMPLE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


class ExecuteRequest(BaseModel):
    """Results stand in field order: all urls, then all datas, then all images."""

    model_config = ConfigDict(
        strict=True, extra="forbid", json_schema_extra={"examples": [{"datas": [_DATA_EXAMPLE], "partial": False}]}
    )

    urls: Texts = Field([], description="http or https addresses of image files.")
    datas: Texts = Field([], description="Image files in base64, bare or as `data:image/*;base64,...`")
    images: Texts = Field([], description="Image files in base64; in a form, the files themselves.")
    partial: bool = Field(
        False,
        description="false: one bad input fails the request, and the problem names every bad input. true: one vector "
        "and one status per input; a bad input has an empty vector and its own status.",
    )


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


class ExecuteReply(BaseModel):
    """One vector per input, in the order of the inputs."""

    nums: str = Field(description="The number of results, an int64 and therefore a string.", examples=["1"])
    vectors: list[Vector] = Field(examples=[[{"element": [0.6, 0.8, 0]}]])
    metadata: list[MetaData]
    statuses: list[ItemStatus] = Field(description="One per input if the request was partial, else empty.")


class Limits(BaseModel):
    """Everything above these is refused. 64-bit integers, and therefore strings."""

    maxItems: str = Field(description="Inputs per request.")  # noqa: N815 - the JSON mapping's name
    maxImageBytes: str = Field(description="Of one encoded image.")  # noqa: N815
    maxPixels: str = Field(description="Of one decoded image, width x height.")  # noqa: N815
    maxMessageBytes: str = Field(description="Of one request.")  # noqa: N815


class Identity(BaseModel):
    """What this operator is. The first seven are strings even where they hold numbers."""

    name: str
    endpoint: str = Field(description="Where gRPC is served.")
    type: str = Field(examples=["encoder"])
    input: str = Field(examples=["image"])
    output: str = Field(examples=["vector"])
    dimension: str = Field(examples=["512"])
    metricType: str = Field(examples=["L2"])  # noqa: N815
    fingerprint: str = Field(description="Changes whenever the same picture would get another vector.")
    version: str = Field(description="Of the software that serves.")
    formats: list[str] = Field(description="Image formats that are accepted.", examples=[["JPEG", "PNG"]])
    limits: Limits


class EmbedRequest(BaseModel):
    """As text-embeddings-inference takes it. What is said there of texts has no effect on pictures."""

    model_config = ConfigDict(strict=True, extra="ignore", json_schema_extra={"examples": [{"inputs": [_URL_EXAMPLE]}]})

    inputs: TextOrTexts = Field(
        description="http or https addresses, and data URIs or bare base64, of image files; or a single one."
    )
    normalize: bool = Field(True, description="No effect: vectors always have unit length.")
    truncate: bool | None = Field(None, description="No effect.")
    truncation_direction: Literal["Left", "Right", "left", "right"] = Field("Right", description="No effect.")
    prompt_name: str | None = Field(None, description="No effect.")
    dimensions: int | None = Field(None, description="If given, it must be the operator's own.")


class State(BaseModel):
    """What a probe is told."""

    status: str = Field(examples=["ready"])


def parse_execute(body: Body, max_items: int) -> Task:
    """JSON or a multipart form to a task.

    Raises:
        InvalidInput: not a request.
        UnsupportedBody: neither JSON nor a form.
    """
    if body.media_type == "multipart/form-data":
        return _from_form(read_form(body.data, body.content_type, max_items + 1))
    request = read_json(ExecuteRequest, body, max_items)
    return _execute_task(request, partial=request.partial)


def parse_embed(body: Body, max_items: int, dimension: int) -> Task:
    """JSON to a task. Raises as ``parse_execute`` does."""
    request = read_json(EmbedRequest, body, max_items)
    if request.dimensions not in (None, dimension):
        raise InvalidInput(f"dimensions {request.dimensions}: vectors of this operator have {dimension}")
    sources = [_picture(index, text) for index, text in enumerate(request.inputs)]

    def answer(results: Results) -> bytes:
        refuse_bad(sources, results)
        return dump(results)

    return Task(sources, answer)


def read_json(model: type[M], body: Body, max_items: int) -> M:
    """A JSON body to a message.

    Raises:
        InvalidInput: not JSON, or not this message; says what is wrong first, in our words, never the input itself.
        UnsupportedBody: of another kind.
    """
    if body.media_type != "application/json":
        raise UnsupportedBody(f"Content-Type {body.media_type[:40]!r}: must be application/json")
    # 100 MB of empty strings take gigabytes and minutes once they are parsed; there is no use for that many values.
    commas, limit = body.data.count(b","), _COMMAS_PER_INPUT * (max_items + _OTHER_FIELDS)
    if commas > limit:
        raise InvalidInput(f"the body has {commas:,} commas, too many values for the limit of {max_items} inputs")
    try:
        return model.model_validate_json(body.data)
    except ValidationError as err:
        raise InvalidInput(complain(err.errors(include_url=False, include_input=False))) from None


def dump(value: Any) -> bytes:
    """JSON; float32 arrays with as many digits as they need, and ten times faster than as lists."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _execute_task(inputs: Inputs, *, partial: bool) -> Task:
    sources = sources_of(inputs)

    def answer(results: Results) -> bytes:
        if not partial:
            refuse_bad(sources, results)
        vectors = [{"element": () if isinstance(each, VisopError) else each} for each in results]
        statuses = [_item_status(each) for each in results] if partial else []
        return dump({"nums": str(len(results)), "vectors": vectors, "metadata": [], "statuses": statuses})

    return Task(sources, answer)


def _item_status(result: object) -> dict[str, object]:
    if isinstance(result, VisopError):
        return {"code": code_of(result).value[0], "message": str(result)}
    return {"code": 0, "message": ""}


def _picture(index: int, text: str) -> Source:
    """A URL has a scheme and //; no base64 has, and no data URI."""
    return Source("urls" if "://" in text[:32] else "datas", index, text, "inputs")


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
        raise InvalidInput("partial: must be true or false")
    texts = {name: [_text(name, part) for part in parts.get(name, [])] for name in ("urls", "datas")}
    return _execute_task(_Parts(images=parts.get("images", []), **texts), partial=partial == b"true")


def _text(name: str, part: bytes) -> str:
    try:
        return part.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{name}: must be text in UTF-8") from None
