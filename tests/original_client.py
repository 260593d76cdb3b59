"""What an engine of the original contract has: its proto file, and its way to call operators."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf.message import Message

from tests.proto_messages import messages_of

#: The whole of it: none of our additions.
PROTO = """
syntax = "proto3";
package omnisearch;
service Operator {
  rpc Execute(ExecuteRequest) returns (ExecuteReply) {}
  rpc Healthy(HealthyRequest) returns (HealthyReply) {}
  rpc Identity(IdentityRequest) returns (IdentityReply) {}
}
message ExecuteRequest { repeated string urls = 1; repeated string datas = 2; }
message Vector { repeated float element = 1; }
message MetaData { string url = 1; bytes data = 2; }
message ExecuteReply { int64 nums = 1; repeated Vector vectors = 2; repeated MetaData metadata = 3; }
message HealthyRequest {}
message HealthyReply { string healthy = 1; }
message IdentityRequest {}
message IdentityReply {
  string name = 1; string endpoint = 2; string type = 3; string input = 4; string output = 5; string dimension = 6;
  string metricType = 7;
}
"""


class OriginalClient:
    """Calls an operator as the engine Phantoscope does (``search/operators/client.py``)."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def identity(self) -> dict[str, str]:
        """All fields but the address."""
        reply = self._call("Identity")
        return {field.name: getattr(reply, field.name) for field in reply.DESCRIPTOR.fields if field.name != "endpoint"}

    def healthy(self) -> str:
        """What the operator says."""
        said: str = self._call("Healthy").healthy
        return said

    def execute(self, urls: Sequence[str] = (), datas: Sequence[str | bytes] = ()) -> Any:
        """The reply: an ``ExecuteReply`` of ``PROTO``."""
        return self._call("Execute", urls=urls, datas=datas)

    def _call(self, rpc: str, **fields: object) -> Any:
        request, reply = _messages()[f"{rpc}Request"], _messages()[f"{rpc}Reply"]
        method = self._channel.unary_unary(
            f"/omnisearch.Operator/{rpc}",
            request_serializer=request.SerializeToString,
            response_deserializer=reply.FromString,
        )
        return method(request(**fields), timeout=60)


def run_pipeline(*operators: OriginalClient, url: str = "", data: str = "") -> list[list[float]]:
    """Vectors of one input, by processors and an encoder (``search/pipeline/pipeline.py``)."""
    urls, datas = [url] if url else [], [data] if data else []
    for processor in operators[:-1]:
        metadata = processor.execute(urls, datas).metadata
        urls, datas = [each.url for each in metadata], [each.data for each in metadata]
    return [list(vector.element) for vector in operators[-1].execute(urls, datas).vectors]


@functools.cache
def _messages() -> dict[str, type[Message]]:
    return messages_of(PROTO)
