"""The server of a URL is busy: what every protocol says of it, and how bulk work goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tests.conftest import Running, make_image, note, unit
from tests.http.conftest import both_protocols
from tests.images.wire import Wire, answer, open_wire
from visop.client import Client
from visop.client.remote_waits import with_patience
from visop.encoding.local import LocalEncoder
from visop.errors import BadItems, FetchFailed, FetchUnavailable, VisopError
from visop.rpc import rpc_pb2

Request = rpc_pb2.ExecuteRequest

BUSY = answer(b"", "429 Too Many Requests", "Retry-After: 20")
BUSY_FOR_A_MOMENT = answer(b"", "503 Service Unavailable", "Retry-After: 0.01")


@pytest.fixture
def wire() -> Iterator[Wire]:
    with open_wire() as wire:
        wire.answers["/busy"] = [BUSY]
        yield wire


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Running, httpx.Client]]:
    with both_protocols() as found:
        yield found


@pytest.fixture
def server(both: tuple[Running, httpx.Client]) -> Running:
    return both[0]


@pytest.fixture
def web(both: tuple[Running, httpx.Client]) -> httpx.Client:
    return both[1]


def test_an_input_of_its_own_status_says_when_to_send_it_again(server: Running, web: httpx.Client, wire: Wire) -> None:
    request = Request(urls=[wire.url("/busy")], images=[make_image()], partial=True)
    busy, good = server.stub.Execute(request).statuses
    assert (busy.code, busy.retry_after_s) == (grpc.StatusCode.UNAVAILABLE.value[0], 20)
    assert busy.message == "the remote server answered with status 429 and asks to wait 20 s"
    assert (good.code, good.retry_after_s) == (0, 0)
    body = {"urls": [wire.url("/busy")], "partial": True}
    assert web.post("/v1/execute", json=body).json()["statuses"] == [
        {"code": busy.code, "message": busy.message, "retryAfterS": 20}
    ]


def test_a_whole_call_says_it_in_its_details(server: Running, wire: Wire) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        server.stub.Execute(Request(urls=[wire.url("/busy")]))
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    info, details = error_details_pb2.RetryInfo(), rpc_status.from_call(caught.value).details
    assert any(detail.Unpack(info) for detail in details)
    assert info.retry_delay.seconds == 20


def test_what_a_retry_cannot_mend_says_no_time(server: Running, wire: Wire) -> None:
    with Client(server.address) as client, pytest.raises(BadItems) as caught:
        client.encode(urls=[wire.url("/busy")], images=[b"no image"])
    assert caught.value.retry_after_s is None


def test_the_client_is_told_the_time(server: Running, wire: Wire) -> None:
    with Client(server.address) as client, pytest.raises(BadItems) as caught:
        client.encode(urls=[wire.url("/busy")])
    assert (caught.value.retry_after_s, caught.value.items["urls[0]"].retry_after_s) == (20, 20)
    assert len(wire.targets) == 1  # the call is not repeated for it


@pytest.mark.parametrize("path", ["/v1/execute", "/embed"])
def test_an_answer_over_http_says_when_to_come_again(web: httpx.Client, wire: Wire, path: str) -> None:
    found = web.post(path, json={"urls" if path == "/v1/execute" else "inputs": [wire.url("/busy")]})
    assert (found.status_code, found.headers["retry-after"]) == (503, "20")
    assert found.json()["code"] == "UNAVAILABLE"


def test_a_retry_policy_does_not_repeat_the_whole_call_for_one_input(server: Running, wire: Wire) -> None:
    policy = {"maxAttempts": 5, "initialBackoff": "0.01s", "maxBackoff": "0.01s", "backoffMultiplier": 1}
    config = {"methodConfig": [{"name": [{}], "retryPolicy": policy | {"retryableStatusCodes": ["UNAVAILABLE"]}}]}
    with grpc.insecure_channel(server.address, [("grpc.service_config", json.dumps(config))]) as channel:
        call = channel.unary_unary(
            "/omnisearch.Operator/Execute",
            request_serializer=Request.SerializeToString,
            response_deserializer=rpc_pb2.ExecuteReply.FromString,
        )
        with pytest.raises(grpc.RpcError) as caught:
            call(Request(urls=[wire.url("/busy")]))
    assert "grpc-retry-pushback-ms" in [each.key for each in caught.value.trailing_metadata()]
    assert len(wire.targets) == 1


# Bulk work


@pytest.fixture(params=["running", "in-process"])
def stream(request: Any, server: Running) -> Iterator[Callable[..., Any]]:
    if request.param == "running":
        with Client(server.address) as client:
            yield client.encode_stream
    else:
        yield LocalEncoder(server.operator.info(), server.pipeline).encode_stream


def test_bulk_work_sends_the_input_again_and_nothing_else(stream: Callable[..., Any], wire: Wire) -> None:
    picture, broken = answer(make_image((3, 4, 0))), answer(b"", "404 Not Found")
    wire.answers |= {"/late": [BUSY_FOR_A_MOMENT, picture], "/there": [picture], "/gone": [broken]}
    inputs = [wire.url("/late"), make_image((1, 2, 2)), wire.url("/gone"), wire.url("/there")]
    first, second, third, fourth = stream(inputs, batch=8)
    np.testing.assert_allclose([first, second, fourth], [unit((3, 4, 0)), unit((1, 2, 2)), unit((3, 4, 0))], atol=1e-6)
    assert isinstance(third, FetchFailed)
    assert sorted(wire.targets) == ["/gone", "/late", "/late", "/there"]


def test_bulk_work_does_not_ask_for_ever(stream: Callable[..., Any], wire: Wire) -> None:
    wire.answers["/never"] = [BUSY_FOR_A_MOMENT]
    (error,) = stream([wire.url("/never")], batch=8)
    assert isinstance(error, FetchUnavailable)
    assert len(wire.targets) == 4


@pytest.mark.parametrize("wait_s", [None, 0.0, 61.0])
def test_dead_links_and_long_waits_are_not_waited_for(wait_s: float | None) -> None:
    slept: list[float] = []
    error = FetchUnavailable("busy", wait_s)
    assert with_patience(["a"], lambda _: [error], sleep=slept.append) == [error]
    assert slept == []


def test_the_longest_wait_of_all_is_waited_for() -> None:
    slept: list[float] = []
    answers: dict[str, list[str | VisopError]] = {
        "a": [FetchUnavailable("busy", 2), "A"],
        "b": ["B"],
        "c": [FetchUnavailable("busy", 9), FetchUnavailable("busy", 1), "C"],
    }
    sent: list[list[str]] = []

    def send(names: Any) -> list[str | VisopError]:
        return [answers[name].pop(0) for name in note(sent, list(names))]

    assert with_patience(["a", "b", "c"], send, sleep=slept.append) == ["A", "B", "C"]
    assert (sent, slept) == ([["a", "b", "c"], ["a", "c"], ["c"]], [9, 1])
