"""What the routes of indexes take and answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, StringConstraints
from pydantic_core.core_schema import custom_error_schema

from visop.contract import OperatorInfo
from visop.http.message import Message
from visop.http.problems import INDEX_NAME
from visop.search.attributes import MAX_ATTRIBUTES, AttributeType
from visop.search.names import MAX_CHARS, NAME_PATTERN, NAME_RULE

#: Of an index, as a store takes it.
IndexName = Annotated[
    str,
    StringConstraints(pattern=NAME_PATTERN, max_length=MAX_CHARS),
    GetPydanticSchema(
        lambda source, make: custom_error_schema(
            make(source), INDEX_NAME, custom_error_message="-", custom_error_context={"rule": NAME_RULE}
        )
    ),
]


class NewIndex(Message):
    """An index that is to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "art", "attributes": {"title": "string", "price": "number"}}]},
    )

    name: IndexName = Field(description="Letters, digits and single underscores; a letter first.", examples=["art"])
    parts: str | None = Field(
        None,
        max_length=200,
        description="Of which parts pictures get vectors beside that of the whole, such as `regions:10`, or `none`. A "
        "server makes those that it was started with, and no others.",
    )
    attributes: dict[str, AttributeType] = Field(
        {},
        max_length=MAX_ATTRIBUTES,
        description="What pictures may have beside their facts: name to type. They cannot be changed later.",
        examples=[{"title": "string", "price": "number", "sold": "boolean", "made": "time"}],
    )


class EncoderFacts(BaseModel):
    """What made the vectors of an index."""

    name: str
    fingerprint: str = Field(description="Of the vector space; two encoders with one fingerprint may be mixed.")
    dimension: int = Field(description="Of each vector.")
    metric: str = Field(examples=["L2"])

    @classmethod
    def of(cls, operator: OperatorInfo) -> EncoderFacts:
        """The message of an operator."""
        names = operator.name, operator.fingerprint
        return cls(name=names[0], fingerprint=names[1], dimension=operator.dimension, metric=operator.metric_type)


class IndexFacts(BaseModel):
    """An index of the store."""

    name: str
    is_default: bool = Field(description="Whether `/v1/search` and the other paths without a name mean this one.")
    searchable: bool = Field(description="Whether this server can search it: it has vectors of the server's encoder.")
    why_not: str | None = Field(description="Why it cannot be searched here.")
    count: int | None = Field(description="Pictures that can be found; null if it cannot be searched here.")
    encoder: EncoderFacts
    parts: str = Field(
        description="Of which parts pictures have vectors beside that of the whole, or `none`.", examples=["regions:10"]
    )
    attributes: dict[str, AttributeType] = Field(description="That pictures may have: name to type.")
    threshold: float | None = Field(description="The cosine from which on pictures are copies; null if unknown.")
    uploads: bool = Field(description="Whether pictures can be added and removed, here.")


class IndexList(BaseModel):
    """All indexes of the store."""

    indexes: list[IndexFacts] = Field(description="By name.")


class DeletedIndex(BaseModel):
    """An index that is gone. The files of its pictures stay, but for those that were uploaded into it."""

    name: str
    count: int = Field(description="Pictures that were in it.")
