"""The function service over gRPC, called by a stub of the original contract."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.conftest import Running, make_scene, running
from tests.proto_messages import messages_of
from tests.toys import RAISES, ToyProcessor

Messages = dict[str, type[Message]]

SCENE = make_scene({(200, 0, 0): (10, 5, 20, 10), (0, 0, 250): (40, 20, 5, 8)})

ORIGINAL = """
syntax = "proto3";
package pb;
service FxWatcher { rpc Call(Request) returns (Reply) {} }
message Request { bytes input = 1; Info info = 2; }
message Response { bytes Output = 1; }
message Reply { string Output = 1; }
message Info {
  string FunctionName = 1; string Timeout = 2; string Runtime = 3; Resources Limits = 4; Trigger Trigger = 5;
}
message Trigger { string Name = 1; string Topic = 2; string Time = 3; }
message Resources { string Memory = 1; string CPU = 2; string GPU = 3; }
"""


@pytest.fixture(scope="module")
def original() -> Messages:
    """The messages of an original client."""
    return messages_of(ORIGINAL)


class Caller:
    """What the stub of an original client does."""

    def __init__(self, messages: Messages, channel: grpc.Channel) -> None:
        self.Request: Any = messages["Request"]
        self._call = channel.unary_unary(
            "/pb.FxWatcher/Call",
            request_serializer=self.Request.SerializeToString,
            response_deserializer=messages["Reply"].FromString,
        )

    def __call__(self, data: bytes, **options: Any) -> str:
        trigger = {"Name": "grpc", "Time": "2018-11-02"}
        request = self.Request(input=data, info={"FunctionName": "ssd-test", "Trigger": trigger})
        reply: Any = self._call(request, timeout=20, **options)
        output: str = reply.Output
        return output


@pytest.fixture(scope="module")
def finding() -> Iterator[Running]:
    with running(ToyProcessor()) as server:
        yield server


@pytest.fixture
def call(original: Messages, finding: Running) -> Caller:
    return Caller(original, finding.channel)


@pytest.mark.parametrize("data", [SCENE, base64.encodebytes(SCENE)], ids=["the file", "lines of base64"])
def test_an_original_client_gets_the_boxes(call: Caller, data: bytes) -> None:
    assert call(data) == (
        '[{"class": "200-0-0", "confidence": "0.065104164", "xmin": "10", "ymin": "5", "xmax": "30", "ymax": "15"}, '
        '{"class": "0-0-250", "confidence": "0.013020833", "xmin": "40", "ymin": "20", "xmax": "45", "ymax": "28"}]'
    )


def test_nothing_found_is_an_empty_list(call: Caller) -> None:
    assert json.loads(call(make_scene({}))) == []


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", grpc.StatusCode.INVALID_ARGUMENT), (make_scene({}, kind="PNG")[:40], grpc.StatusCode.INVALID_ARGUMENT)],
    ids=["empty", "cut off"],
)
def test_a_bad_picture_has_the_status_of_a_bad_picture(call: Caller, data: bytes, code: grpc.StatusCode) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(data)
    assert caught.value.code() is code


def test_a_failing_model_is_told_from_a_bad_picture(call: Caller) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(make_scene({RAISES: (0, 0, 64, 48)}))
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.INTERNAL,
        "the model failed on this input",
    )


def test_a_caller_that_has_no_time_left_is_not_waited_for(call: Caller, finding: Running) -> None:
    finding.operator.gate.clear()
    with pytest.raises(grpc.RpcError) as caught:
        call._call(call.Request(input=SCENE), timeout=0.1)
    finding.operator.gate.set()
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_health_knows_the_service(finding: Running) -> None:
    stub = health_pb2_grpc.HealthStub(finding.channel)
    reply = stub.Check(health_pb2.HealthCheckRequest(service="pb.FxWatcher"))
    assert reply.status == health_pb2.HealthCheckResponse.SERVING


def test_an_encoder_has_no_such_service(original: Messages, start_server: Callable[..., Running]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        Caller(original, start_server().channel)(SCENE)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
