"""Requests over HTTP, as a collector gets to see them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from tests.conftest import make_image, running
from tests.toys import RAISES
from visop.http.server import HttpServer

Traced = Callable[..., AbstractContextManager[Any]]

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CONTEXT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture
def post(traced: Traced) -> Callable[..., tuple[Any, httpx.Response]]:
    def post(picture: bytes, path: str = "/v1/execute", **options: Any) -> tuple[Any, httpx.Response]:
        with traced() as collector, running(None, [HttpServer], http_endpoint="127.0.0.1:0") as server:
            url = f"http://{server.server.companion_addresses['http']}{path}"
            return collector, httpx.post(url, files={"images": picture}, **options)

    return post


Post = Callable[..., tuple[Any, httpx.Response]]


def test_a_request_is_a_span_with_its_stages_and_continues_the_trace_of_its_caller(post: Post) -> None:
    collector, answer = post(make_image(), headers=CONTEXT)
    request = collector.one("POST /v1/execute")
    assert (request.trace, request.parent, request.kind, request.error) == (TRACE, PARENT, "server", None)
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/execute",
        "http.response.status_code": 200,
        "url.path": "/v1/execute",
        "url.scheme": "http",
        "client.address": "127.0.0.1",
        "visop.inputs": 1,
    }
    stages = [each.name for each in collector.children(request) if each.name != "wait"]
    assert stages == ["receive", "decode", "preprocess", "queue", "model"]
    assert f'traceparent;desc="00-{TRACE}-{request.id}-01"' in answer.headers["server-timing"]


@pytest.mark.parametrize(("picture", "status"), [(b"no picture", 400), (make_image(RAISES), 500)], ids=["400", "500"])
def test_only_an_error_of_the_server_is_an_error_of_the_request(post: Post, picture: bytes, status: int) -> None:
    collector, _ = post(picture)
    request = collector.one("POST /v1/execute")
    assert request.attributes["http.response.status_code"] == status
    assert request.error == (str(status) if status == 500 else None)


def test_the_query_of_a_request_is_told_to_nobody(post: Post) -> None:
    collector, _ = post(make_image(), "/v1/nothing?token=secret")
    assert collector.one("POST").attributes["url.path"] == "/v1/nothing"
    assert not any(b"secret" in sent for sent in collector.raw)


def test_the_framework_makes_no_spans_of_its_own(post: Post) -> None:
    collector, _ = post(make_image())
    assert {each.kind for each in collector.spans if not each.parent} == {"server"}
    assert len(collector.spans) <= 8
