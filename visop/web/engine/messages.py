"""What the interface of the original engine takes and answers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from visop.http.message import Message

_EXAMPLE_FIELDS = {"image": {"type": "pipeline", "value": "objects"}, "price": {"type": "float", "value": 0.0}}
_DATA = "An image file in base64, bare or as a data URI. If there is a `url`, too, it is not used."


class NewOperator(Message):
    """A running operator."""

    name: str = Field(max_length=200, examples=["vgg_encoder"])
    addr: str = Field(
        max_length=300,
        description="HOST:PORT at which it runs; `visop` for the encoder of this server; `visop:SCHEME`, such as "
        "`visop:regions:10`, for a processor that is built in.",
        examples=["10.0.0.7:50051"],
    )
    author: str = Field(max_length=1000, examples=["me"])
    type: str = Field(max_length=100, description="`processor` or `encoder`.", examples=["encoder"])
    description: str = Field(max_length=10_000, examples=["VGG-16"])
    version: str = Field(max_length=100, examples=["0.1.0"])


class NewInstance(Message):
    """A name for the running operator."""

    instanceName: str = Field(max_length=200, examples=["vgg_instance1"])  # noqa: N815 - as the original has it


class Market(Message):
    """Where operators would be fetched."""

    url: str = Field(max_length=2000)
    overwrite: bool = True


class Stage(Message):
    """An operator in a pipeline."""

    name: str = Field(max_length=200, description="Of the operator.", examples=["vgg_encoder"])
    instance: str = Field(max_length=200, description="Of one of its instances; any name.", examples=["vgg_instance1"])


class NewPipeline(Message):
    """Processors, one after another, and an encoder."""

    description: str = Field(max_length=10_000)
    processors: list[Stage] = Field([], max_length=100, description="In order; none encodes whole pictures.")
    encoder: Stage


class NewApplication(Message):
    """Fields, at least one of which is of a pipeline."""

    fields: dict[str, Any] = Field(
        description="Name to `type` and `value`: `pipeline` with the name of a pipeline, or `string`, `integer` or "
        "`float` with what an entity has that is uploaded without a value.",
        examples=[_EXAMPLE_FIELDS],
    )
    s3Bucket: str = Field(description="Where its pictures are kept; of no other application.", examples=["art"])  # noqa: N815


class Deletion(Message):
    """How an application is deleted."""

    force: bool = Field(False, description="Also if it has entities.")


class Picture(Message):
    """A picture, as `data` or `url`."""

    data: str | None = Field(None, description=_DATA)
    url: str | None = Field(None, description="http or https address of an image file.")


class Upload(Message):
    """An entity."""

    fields: dict[str, Any] = Field(
        description="Name to `data` or `url` of a picture, or to the `value` of another field.",
        examples=[{"image": {"url": "https://example.org/cat.jpg"}, "price": {"value": 12.5}}],
    )


class Search(Message):
    """A search."""

    fields: dict[str, Any] = Field(
        description="Name to `data` or `url` of a picture, with `inner_field_score_mode`, `weight` and "
        "`decay_function` if they are not the default; or to the `value` that another field must have. And "
        "`score_mode`.",
        examples=[{"image": {"url": "https://example.org/cat.jpg", "weight": 2}, "score_mode": "sum"}],
    )
    topk: int = Field(ge=1, le=2048, description="How many entities.", examples=[10])
    nprobe: int = Field(16, ge=1, le=65536, description="Has no effect: the index decides how much it looks at.")
    score_mode: str | None = Field(None, max_length=100, description="In place of that among the fields.")


class Metadata(BaseModel):
    """Of a resource."""

    id: str
    create_time: str
    resource_type: str
    state: str


class Operator(BaseModel):
    """An operator that is registered."""

    name: str
    addr: str
    author: str
    version: str
    type: str
    description: str
    runtime_client: str
    metadata: Metadata


class Instance(BaseModel):
    """The operator, under a name."""

    id: str
    name: str
    status: str = Field(description="`running`, `exited` or `deleted`.")
    ip: str
    ports: dict[str, Any] = {}
    endpoint: str


class PipelineStage(BaseModel):
    """An operator of a pipeline."""

    operator: Operator
    instance: Instance


class Pipeline(BaseModel):
    """Processors and an encoder."""

    name: str
    input: str
    output: str
    processors: list[PipelineStage]
    encoder: PipelineStage
    description: str
    metadata: Metadata


class Vectors(BaseModel):
    """What a pipeline makes of a picture."""

    result: list[list[float]] = Field(description="A vector of each part, or, without processors, of the picture.")


class Application(BaseModel):
    """Fields, and the entities that have them."""

    name: str
    fields: dict[str, Any]
    bucket: str
    s3Bucket: str  # noqa: N815 - the documentation of the original engine says so, its answers say bucket
    metadata: Metadata


class Entity(BaseModel):
    """An entity of an application."""

    model_config = ConfigDict(populate_by_name=True)

    id: str = Field(alias="_id")
    docs: dict[str, Any] = Field(
        alias="_docs",
        description="Of a field with a picture: `ids` of its vectors, and `url` of its file. Of another one: `value`.",
        examples=[{"image": {"ids": [1], "url": "http://localhost:5000/v1/application/art/entity/5f10/picture/image"}}],
    )
