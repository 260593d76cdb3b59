from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
from fastapi import FastAPI, Request, Response

from tests.conftest import Running, make_base64, make_image
from visop.http.body import Body
from visop.http.endpoint import Endpoint, Results, Task
from visop.http.server import HttpServer
from visop.serving.convert import refuse_bad
from visop.serving.pipeline import Input

Both = tuple[Running, httpx.Client]


def _parse_first(body: Body) -> Task:
    inputs = [Input("body[0]", body.data)]

    def answer(results: Results) -> bytes:
        refuse_bad(inputs, results)
        return repr(np.asarray(results[0]).tolist()).encode()

    return Task(inputs, answer)


def _add_first(app: FastAPI, endpoint: Endpoint) -> None:
    @app.post("/first")
    async def first(request: Request, k: int = 1) -> Response:
        return await endpoint.serve(request, _parse_first)


def test_routes_can_be_added_that_use_the_pipeline(start_both: Callable[..., Both]) -> None:
    _, web = start_both(make=functools.partial(HttpServer, extend=_add_first))
    np.testing.assert_allclose(web.post("/first", content=make_image((3, 4, 0))).json(), [0.6, 0.8, 0], atol=1e-6)
    assert web.post("/first", content=b"no image").json()["violations"][0]["field"] == "body[0]"
    assert web.post("/first?k=x").json()["detail"] == "k: must be a whole number"
    assert "/first" in web.get("/openapi.json").json()["paths"]


def test_a_request_that_needs_no_vector_keeps_no_call_from_the_model(start_both: Callable[..., Both]) -> None:
    waiting, gate = threading.Event(), threading.Event()

    def answer(_: Results) -> bytes:
        waiting.set()
        gate.wait(20)
        return b"[]"

    def extend(app: FastAPI, endpoint: Endpoint) -> None:
        @app.post("/held")
        async def held(request: Request) -> Response:
            return await endpoint.serve(request, lambda _: Task([], answer))

    _, web = start_both(make=functools.partial(HttpServer, extend=extend), max_calls=1, max_batch=1)
    with ThreadPoolExecutor() as pool:
        held = pool.submit(web.post, "/held")
        assert waiting.wait(20)
        assert web.post("/v1/execute", json={"datas": [make_base64()]}).status_code == 200
        gate.set()
        assert held.result(20).content == b"[]"
