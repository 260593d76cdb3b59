"""Bytes that are no message are the caller's mistake, whatever the method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2

from tests.conftest import Running, make_image, running
from visop.rpc import rpc_pb2
from visop.serving.malformed import what_is_wrong

Request = rpc_pb2.ExecuteRequest

NO_UTF8 = b"\x0a\x02\xff\xfe"  # field 1, a string or a bytes
CUT_OFF = b"\x0a\x05ab"

OPERATOR, HEALTH = "omnisearch.Operator", "grpc.health.v1.Health"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as server:
        yield server


def call(server: Running, method: str, *requests: bytes) -> list[Any]:
    """The answers to bytes that are sent as they are."""
    channel: Any = server.channel
    if method.endswith(("ExecuteStream", "Info")):
        return list(channel.stream_stream(f"/{method}")(iter(requests), timeout=10))
    if method.endswith("Watch"):
        return list(channel.unary_stream(f"/{method}")(*requests, timeout=10))
    return [channel.unary_unary(f"/{method}")(*requests, timeout=10)]


def refusal(server: Running, method: str, *requests: bytes) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(server, method, *requests)
    return caught.value.code(), str(caught.value.details())


@pytest.mark.parametrize(
    "method",
    [
        f"{OPERATOR}/Execute",
        f"{OPERATOR}/Healthy",
        f"{OPERATOR}/Identity",
        f"{OPERATOR}/ExecuteStream",
        f"{HEALTH}/Check",
        f"{HEALTH}/Watch",
        f"{REFLECTION}/ServerReflectionInfo",
    ],
)
def test_bytes_that_are_cut_off_are_refused_by_every_method(server: Running, method: str) -> None:
    code, text = refusal(server, method, CUT_OFF)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert text.startswith("the request is no ")
    assert text.endswith("Request: its bytes are damaged or cut off")


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (f"{OPERATOR}/Execute", "urls[0]"),
        (f"{OPERATOR}/ExecuteStream", "urls[0]"),
        (f"{HEALTH}/Check", "service"),
        (f"{HEALTH}/Watch", "service"),
        (f"{REFLECTION}/ServerReflectionInfo", "host"),
    ],
)
def test_text_that_is_not_utf8_is_named(server: Running, method: str, name: str) -> None:
    assert refusal(server, method, NO_UTF8) == (grpc.StatusCode.INVALID_ARGUMENT, f"{name}: not text in UTF-8")


def test_the_input_is_named_by_its_field_and_index() -> None:
    good = Request(urls=["http://a/", "http://b/"], datas=["QUJD"], images=[b"\xff\xfe"]).SerializeToString()
    assert what_is_wrong(good + b"\x12\x01\xe9", Request) == "datas[1]: not text in UTF-8"
    assert what_is_wrong(b"\x08\x01", Request) == "the request is no omnisearch.ExecuteRequest"


def test_a_stream_answers_what_came_before(server: Running) -> None:
    good, channel = Request(images=[make_image()]).SerializeToString(), cast(Any, server.channel)
    replies = channel.stream_stream(f"/{OPERATOR}/ExecuteStream")(iter([good, good, NO_UTF8, good]), timeout=10)
    assert [rpc_pb2.ExecuteReply.FromString(next(replies)).nums for _ in range(2)] == [1, 1]
    with pytest.raises(grpc.RpcError) as caught:
        next(replies)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_refusal_is_one_line_in_the_log(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "visop.request"):
        refusal(server, f"{OPERATOR}/Execute", NO_UTF8)
    (fields,) = [vars(record)["visop_fields"] for record in caplog.records]
    assert (fields["rpc"], fields["code"], fields["error"]) == (
        "Execute",
        "INVALID_ARGUMENT",
        "urls[0]: not text in UTF-8",
    )


def test_whoever_watches_health_is_still_served(server: Running) -> None:
    watch = cast(Any, server.channel).unary_stream(f"/{HEALTH}/Watch")(b"", timeout=10)
    assert health_pb2.HealthCheckResponse.FromString(next(watch)).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()
