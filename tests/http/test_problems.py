"""The same error for the same fault, over both protocols."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import fastapi
import grpc
import httpx
import pytest
from fastapi import FastAPI
from google.protobuf import json_format

from tests.conftest import Running, make_base64, make_image
from tests.http.conftest import both_protocols
from tests.toys import NAN, RAISES, ToyOperator
from visop.errors import ModelFailed, VisopError
from visop.http.endpoint import Endpoint, Task
from visop.http.problems import STATUSES, status_of
from visop.http.server import HttpServer
from visop.rpc import rpc_pb2

Both = tuple[Running, httpx.Client]
Request = rpc_pb2.ExecuteRequest


@dataclass
class Told:
    """What a caller is told of a fault."""

    code: str
    detail: str


def over_grpc(server: Running, request: Request, **options: Any) -> Told:
    with pytest.raises(grpc.RpcError) as caught:
        server.stub.Execute(request, **options)
    return Told(caught.value.code().name, caught.value.details() or "")


def over_http(web: httpx.Client, request: Request, **options: Any) -> Told:
    answer = web.post("/v1/execute", json=json_format.MessageToDict(request), **options)
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == answer.status_code == STATUSES[grpc.StatusCode[problem["code"]]]
    return Told(problem["code"], problem["detail"])


@pytest.fixture(scope="module")
def small() -> Iterator[Both]:
    with both_protocols(max_items=4, max_image_bytes=2000, max_pixels=500, formats=("PNG",)) as found:
        yield found


BAD: dict[str, Callable[[str], Request]] = {
    "base64": lambda _: Request(datas=["!!!"]),
    "data-uri": lambda _: Request(datas=["data:text/plain;base64,aGk="]),
    "not-an-image": lambda _: Request(images=[b"no image"]),
    "format": lambda _: Request(images=[make_image(kind="JPEG")]),
    "truncated": lambda _: Request(images=[make_image()[:-40]]),
    "bytes": lambda _: Request(images=[bytes(2001)]),
    "base64-bytes": lambda _: Request(datas=[base64.b64encode(bytes(2001)).decode()]),
    "pixels": lambda _: Request(images=[make_image(size=(30, 30))]),
    "items": lambda _: Request(datas=[make_base64()] * 5),
    "scheme": lambda _: Request(urls=["file:///etc/passwd"]),
    "private": lambda _: Request(urls=["http://169.254.169.254/latest/meta-data"]),
    "missing": lambda server: Request(urls=[f"{server}/missing"]),
    "page": lambda server: Request(urls=[f"{server}/page"]),
    "unreachable": lambda _: Request(urls=["http://127.0.0.1:9/x.png"]),
    "raises": lambda _: Request(images=[make_image(RAISES)]),
    "nan": lambda _: Request(images=[make_image(NAN)]),
    "several": lambda _: Request(datas=["!", make_base64(), "!"], images=[b""]),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_a_bad_input_is_told_in_the_same_words(
    small: Both, picture_server: str, make: Callable[[str], Request]
) -> None:
    server, web = small
    request = make(picture_server)
    told = over_http(web, request)
    assert told == over_grpc(server, request)
    assert "/secret" not in told.detail


def test_a_problem_names_every_bad_input(small: Both) -> None:
    problem = small[1].post("/v1/execute", json={"datas": ["!", make_base64(), "!"]}).json()
    assert problem["type"] == "about:blank"
    assert problem["title"] == "Bad Request"
    assert [(each["field"], each["code"]) for each in problem["violations"]] == [
        ("datas[0]", "INVALID_ARGUMENT"),
        ("datas[2]", "INVALID_ARGUMENT"),
    ]


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        ({"datas": ["", 1]}, "datas[1]", "datas[1]: must be a string"),
        ({"data": []}, "data", "data: there is no such field"),
        ({"partial": "true"}, "partial", "partial: must be true or false"),
        ([], None, "the body: must be an object"),
    ],
)
def test_a_problem_names_the_field_that_is_wrong(small: Both, body: object, field: str | None, detail: str) -> None:
    problem = small[1].post("/v1/execute", json=body).json()
    assert (problem.get("field"), problem["detail"]) == (field, detail)


def test_a_problem_names_the_header_and_the_part_of_a_form_too(small: Both) -> None:
    web = small[1]
    assert (
        web.post("/v1/execute", json={}, headers={"X-Request-Timeout": "soon"}).json()["field"] == "X-Request-Timeout"
    )
    assert web.post("/v1/execute", files={"partial": b"maybe"}).json()["field"] == "partial"
    assert web.post("/v1/execute", files={"urls": b"\xff"}).json()["field"] == "urls"


def busy(operator: ToyOperator, server: Running) -> Any:
    """A call that the model holds."""
    operator.gate.clear()
    call = server.stub.Execute.future(Request(images=[make_image()]))
    assert operator.entered.acquire(timeout=5)
    return call


@pytest.mark.parametrize("limit", [{"max_queue": 2, "max_items": 2}, {"max_calls": 1, "max_batch": 1}], ids=str)
def test_overload_is_told_in_the_same_words_and_when_to_come_again(
    start_both: Callable[..., Both], limit: dict[str, int]
) -> None:
    operator = ToyOperator()
    server, web = start_both(operator, **limit)
    held = busy(operator, server)
    request = Request(images=[make_image()] * 2)
    assert over_http(web, request) == over_grpc(server, request)
    answer = web.post("/v1/execute", json=json_format.MessageToDict(request))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    operator.gate.set()
    assert held.result(10).nums == 1


def test_a_deadline_is_told_in_the_same_words(start_both: Callable[..., Both]) -> None:
    operator = ToyOperator()
    server, web = start_both(operator)
    held = busy(operator, server)
    problem = web.post("/v1/execute", json={"datas": [make_base64()] * 2}, headers={"X-Request-Timeout": "0.05"}).json()
    assert (problem["status"], problem["code"]) == (504, "DEADLINE_EXCEEDED")
    assert problem["detail"] == "not all of 2 inputs were served before the deadline"
    operator.gate.set()
    assert held.result(10).nums == 1


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "soon", "1e", "5s"])
def test_a_timeout_that_is_no_time_is_refused(web: httpx.Client, text: str) -> None:
    answer = web.post("/v1/execute", json={}, headers={"X-Request-Timeout": text})
    assert answer.status_code == 400
    assert answer.json()["detail"] == f"X-Request-Timeout {text!r}: must be a number of seconds above 0"


def test_whatever_goes_wrong_inside_leaks_nothing(start_both: Callable[..., Both]) -> None:
    def fail(_: object) -> Task:
        raise RuntimeError("/secret/path")

    def extend(app: FastAPI, endpoint: Endpoint) -> None:
        @app.post("/fails")
        async def fails(request: fastapi.Request) -> fastapi.Response:
            return await endpoint.serve(request, fail)

    _, web = start_both(make=functools.partial(HttpServer, extend=extend))
    answer = web.post("/fails", json={})
    assert (answer.status_code, answer.json()["detail"]) == (500, "internal error")


def subclasses(cls: type[VisopError]) -> Iterator[type[VisopError]]:
    yield cls
    for each in cls.__subclasses__():
        yield from subclasses(each)


@pytest.mark.parametrize("cls", sorted(set(subclasses(VisopError)), key=str))
def test_every_error_has_a_status(cls: type[VisopError]) -> None:
    error = cls.__new__(cls)
    vars(error).update(items={"datas[0]": ModelFailed("")}, status="UNIMPLEMENTED")
    assert 400 <= status_of(error) < 600
