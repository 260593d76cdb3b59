"""What requests in JSON have in common: null for a field says that the field is absent, as in protobuf's mapping."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core.core_schema import CoreSchema

# What a schema keeps beside the types that it allows.
_ABOUT = ("title", "description", "default", "examples")


class Message(BaseModel):
    """A request in JSON. A field may be null, which is as if it were not there; an element of a list may not.

    https://protobuf.dev/programming-guides/json/#null-values
    """

    model_config = ConfigDict(allow_inf_nan=False)  # JSON has neither (RFC 8259, 6), though parsers read them

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: each for name, each in value.items() if each is not None}
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Say of every field that need not be there that it may be null."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        for name, each in schema["properties"].items():
            if name not in schema.get("required", []):
                schema["properties"][name] = _or_null(each)
        return schema


def _or_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    null = {"type": "null"}
    if null in schema.get("anyOf", []):
        return schema
    about = {name: schema[name] for name in _ABOUT if name in schema}
    return {"anyOf": [{name: each for name, each in schema.items() if name not in about}, null], **about}
