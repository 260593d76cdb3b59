"""The messages of the HTTP interface are those of ``rpc.proto``, in the JSON mapping of protobuf."""

from __future__ import annotations

from typing import Any, get_args, get_origin

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from pydantic import BaseModel

from visop.http.api import execute, identity
from visop.rpc import rpc_pb2

MESSAGES = {
    execute.ExecuteRequest: rpc_pb2.ExecuteRequest.DESCRIPTOR,
    execute.ExecuteReply: rpc_pb2.ExecuteReply.DESCRIPTOR,
    identity.Identity: rpc_pb2.IdentityReply.DESCRIPTOR,
}

# https://protobuf.dev/programming-guides/json
JSON_TYPES = {
    FieldDescriptor.TYPE_STRING: str,
    FieldDescriptor.TYPE_BYTES: str,
    FieldDescriptor.TYPE_BOOL: bool,
    FieldDescriptor.TYPE_INT32: int,
    FieldDescriptor.TYPE_INT64: str,
    FieldDescriptor.TYPE_UINT64: str,
    FieldDescriptor.TYPE_FLOAT: float,
    FieldDescriptor.TYPE_DOUBLE: float,
}


def check_alike(model: type[BaseModel], message: Descriptor) -> None:
    """The same fields, with the same types, and so on inside."""
    assert set(model.model_fields) == {field.json_name for field in message.fields}, message.full_name
    for field in message.fields:
        annotation = model.model_fields[field.json_name].annotation
        assert (get_origin(annotation) is list) == field.is_repeated, field.full_name
        kind: Any = get_args(annotation)[0] if field.is_repeated else annotation
        if not field.is_repeated and type(None) in get_args(annotation):
            assert field.has_presence, field.full_name
            [kind] = (each for each in get_args(annotation) if each is not type(None))
        if field.message_type:
            check_alike(kind, field.message_type)
        else:
            assert kind is JSON_TYPES[field.type], field.full_name


@pytest.mark.parametrize(("model", "message"), MESSAGES.items(), ids=[model.__name__ for model in MESSAGES])
def test_a_message_has_the_fields_of_the_proto(model: type[BaseModel], message: Descriptor) -> None:
    check_alike(model, message)
